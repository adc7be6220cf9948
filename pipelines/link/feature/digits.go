package feature

import "sync"

// appendTickets adds the record numbers and hints of a folded text.
func appendTickets(dst []Ticket, cues Cue, r []rune) ([]Ticket, Cue) {
	for i := 0; i < len(r); {
		c := r[i]
		switch {
		case digit(c) || letter(c):
			end := alnum(r, i)
			dst, end = ticketsAt(dst, r, i, end)
			i = end
		case c >= 0x4e00 && bit(&cueWords().bits, c):
			for _, w := range cueWords().list[c] {
				if has(r[i:], w.runes) {
					cues |= w.cue
					break
				}
			}
			i++
		default:
			i++
		}
	}
	if callback(r) {
		cues |= CueCallback
	}
	return dst, cues
}

// alnum returns the end of the run of letters and digits at i.
func alnum(r []rune, i int) int {
	for i < len(r) && (digit(r[i]) || letter(r[i])) {
		i++
	}
	return i
}

// ticketsAt judges the run r[from:end] and the groups that follow it behind single separators.
func ticketsAt(dst []Ticket, r []rune, from, end int) ([]Ticket, int) {
	var buf [32]byte
	named := announced(r, from)
	// One run first: exact shapes need exact bounds.
	if n, ok := collect(buf[:0], r[from:end]); ok {
		if k, ok := shape(n); ok {
			return putTicket(dst, n, k, named || k != TicketNamed), end
		}
	}
	// Groups: 250912-101108-115409, SR21-00000001.
	stop := end
	joined, ok := collect(buf[:0], r[from:end])
	if !ok {
		return dst, end
	}
	for groups := 1; groups < 6 && stop+1 < len(r) && (r[stop] == '-' || r[stop] == ' ') && digit(r[stop+1]); groups++ {
		next := alnum(r, stop+1)
		if next-stop-1 < 2 || len(joined)+next-stop > 24 {
			break
		}
		if groups == 1 && r[stop] == '-' && request(r[from:end], r[stop+1:next]) {
			n, ok := collect(append(joined, '-'), r[stop+1:next])
			if !ok {
				return dst, end
			}
			return putTicket(dst, n, TicketRequest, true), next
		}
		more, ok := collect(joined, r[stop+1:next])
		if !ok {
			break
		}
		joined, stop = more, next
		if k, ok := shape(joined); ok && (stop >= len(r) || !digit(r[stop]) && !(r[stop] == '-' && stop+1 < len(r) && digit(r[stop+1]))) {
			return putTicket(dst, joined, k, true), stop
		}
	}
	if n, ok := collect(buf[:0], r[from:end]); ok && named && len(n) >= 6 && hasDigit(n) && !person(n) {
		return putTicket(dst, n, TicketNamed, true), end
	}
	return dst, end
}

// collect appends a run as a column holds it: ASCII, upper case. It fails for a run that is too long to be a number.
func collect(dst []byte, run []rune) ([]byte, bool) {
	if len(dst)+len(run) > 24 {
		return dst, false
	}
	for _, c := range run {
		if letter(c) {
			c -= 'a' - 'A'
		}
		dst = append(dst, byte(c))
	}
	return dst, true
}

func hasDigit(b []byte) bool {
	for _, c := range b {
		if c >= '0' && c <= '9' {
			return true
		}
	}
	return false
}

// putTicket adds a number once.
func putTicket(dst []Ticket, n []byte, k TicketKind, named bool) []Ticket {
	for i := range dst {
		if dst[i].Number == string(n) {
			dst[i].Named = dst[i].Named || named
			return dst
		}
	}
	if len(dst) < MaxTickets {
		dst = append(dst, Ticket{Number: string(n), Kind: k, Named: named})
	}
	return dst
}

// shape recognises a number by its length and by the time that it holds.
func shape(n []byte) (TicketKind, bool) {
	for _, c := range n {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	switch len(n) {
	case 20: // division, yyMMddHHmm, 4
		return TicketCall, n[0] != '0' && day(n[6:]) && clock(n[12:14], 24) && clock(n[14:16], 60)
	case 18: // yyMMddHHmmss, 6
		return TicketHotline, day(n) && clock(n[6:8], 24) && clock(n[8:10], 60) && clock(n[10:12], 60) && !identity(n)
	case 17: // yyyyMMdd, 9
		return TicketTask, n[0] == '2' && n[1] == '0' && day(n[2:])
	}
	return 0, false
}

func two(n []byte) int { return int(n[0]-'0')*10 + int(n[1]-'0') }

// day reports whether n begins with a date yyMMdd.
func day(n []byte) bool {
	m, d := two(n[2:]), two(n[4:])
	return m >= 1 && m <= 12 && d >= 1 && d <= 31
}

func clock(n []byte, limit int) bool { return two(n) < limit }

// person reports whether a number is the number of a person: an identity number or a mobile telephone. Neither is ever
// taken for a record number, whatever the text calls it (invariant 4: no feature of a person).
func person(n []byte) bool {
	switch len(n) {
	case 11:
		return n[0] == '1' && n[1] >= '3' && allDigits(n)
	case 15:
		return allDigits(n) && day(n[6:])
	case 18:
		return allDigits(n[:17]) && identity(n)
	}
	return false
}

func allDigits(n []byte) bool {
	for _, c := range n {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// identity reports whether 18 characters are an identity number: a date of birth and the check character of GB 11643 (ISO
// 7064, MOD 11-2). One hotline number in about two thousand looks like one and is left out.
func identity(n []byte) bool {
	if c := two(n[6:]); c != 19 && c != 20 || !day(n[8:]) {
		return false
	}
	sum := 0
	for i, c := range n[:17] {
		sum += int(c-'0') * (1 << (17 - i) % 11)
	}
	return "10X98765432"[sum%11] == n[17]
}

// request recognises the number of a 311 request in two groups: (SR)dd-dddddddd.
func request(a, b []rune) bool {
	if len(b) != 8 || !runDigits(b) {
		return false
	}
	if len(a) == 4 && a[0] == 's' && a[1] == 'r' {
		a = a[2:]
	}
	return len(a) == 2 && runDigits(a)
}

func runDigits(r []rune) bool {
	for _, c := range r {
		if !digit(c) {
			return false
		}
	}
	return true
}

// announced reports whether the words before position i call what follows a record number.
func announced(r []rune, i int) bool {
	for i > 0 && (r[i-1] == ' ' || r[i-1] == ':' || r[i-1] == '：' || r[i-1] == '#' || r[i-1] == '为' || r[i-1] == '是' || r[i-1] == '(' || r[i-1] == '[' || r[i-1] == '【') {
		i--
	}
	if i < 2 {
		return false
	}
	for _, w := range numberWords() {
		if i >= len(w) && has(r[i-len(w):], w) {
			return true
		}
	}
	return false
}

// callback reports whether a text begins with the number of another case, as the unit's own calls do.
func callback(r []rune) bool {
	i := 0
	for i < len(r) && !han(r[i]) && !digit(r[i]) {
		i++
	}
	for _, w := range [...]string{"案件编号", "警情编号", "关联警情", "接警单编号"} {
		if has(r[i:], []rune(w)) {
			return true
		}
	}
	return false
}

// numberWords returns the words that call what follows a record number.
var numberWords = sync.OnceValue(func() [][]rune {
	var out [][]rune
	for _, w := range []string{"工单编号", "工单号", "工单号码", "案件编号", "案件号", "案卷编号", "案卷号", "任务号", "任务编号", "警情编号", "接警单编号", "接警单号",
		"受理编号", "受理号", "事项编号", "留言编号", "投诉编号", "投诉单号", "编号", "单号", "流水号", "查询码", "ticket", "ticket no", "case", "case no", "request", "request no",
		"reference", "sr"} {
		out = append(out, []rune(w))
	}
	return out
})

type cueWord struct {
	runes []rune
	cue   Cue
}

type cueTable struct {
	bits [8192]byte
	list map[rune][]cueWord
}

// cueWords returns the hints by first rune.
var cueWords = sync.OnceValue(func() *cueTable {
	t := &cueTable{list: map[rune][]cueWord{}}
	for cue, list := range map[Cue][]string{
		CueAgain:    {"再次来电", "再次反映", "再次致电", "又来电", "第二次来电", "多次来电", "二次来电"},
		CueUrge:     {"催促", "催办", "催单", "催件", "要求加快"},
		CueMore:     {"补充说明", "补充反映", "补充内容", "补充："},
		CueEarlier:  {"前期工单", "原工单", "前一工单", "上次工单", "之前工单", "前期来电", "上次来电", "之前来电", "此前来电", "前次来电"},
		CueRepeat:   {"重复来电", "重复工单", "重复反映", "重复投诉", "重复报警", "重复诉求"},
		CueTransfer: {"转办", "转交", "移交", "移送"},
	} {
		for _, w := range list {
			r := fold(nil, w)
			t.list[r[0]] = append(t.list[r[0]], cueWord{r, cue})
			t.bits[uint16(r[0])>>3] |= 1 << (r[0] & 7)
		}
	}
	return t
})
