package feature

// TicketKind is the shape of a record number.
type TicketKind uint8

const (
	// TicketNamed is a number that the text calls one ("工单编号: …") without a known shape: 6 to 24 letters and digits.
	TicketNamed TicketKind = iota
	// TicketCall is the number of a 110 call: 20 digits, division 6, yyMMddHHmm, 4.
	TicketCall
	// TicketHotline is the number of a 12345 ticket: 18 digits, yyMMddHHmmss, 6.
	TicketHotline
	// TicketTask is the task number of an urban-management case: 17 digits, yyyyMMdd, 9.
	TicketTask
	// TicketRequest is the number of a 311 request: SR21-00000001 or 18-00269879.
	TicketRequest
)

// String is the kind as evidence and run figures name it.
func (k TicketKind) String() string {
	switch k {
	case TicketCall:
		return "call_110"
	case TicketHotline:
		return "hotline_12345"
	case TicketTask:
		return "task"
	case TicketRequest:
		return "request_311"
	}
	return "named"
}

// Ticket is a record number that a text quotes.
type Ticket struct {
	Number string // as a column holds it: half-width, upper case, no blanks
	Kind   TicketKind
	Named  bool // the text says that it is a number of a record
}

// MaxTickets bounds the numbers of one text.
const MaxTickets = 16

// Cue is a set of hints in a text. A hint alone links nothing.
type Cue uint8

const (
	CueCallback Cue = 1 << iota // the unit calls back: the text begins with the number of another case
	CueAgain                    // 再次来电
	CueUrge                     // 催促, 催办
	CueMore                     // 补充
	CueEarlier                  // 前期工单, 之前反映过
	CueRepeat                   // 重复来电, 重复工单
	CueTransfer                 // 转办, 转交
)

// FollowUp reports whether the text says that it goes on with an earlier report.
func (c Cue) FollowUp() bool { return c&(CueCallback|CueAgain|CueUrge|CueEarlier|CueRepeat) != 0 }
