package event

// StatusInfo says where a status stands in the seven stages of digital urban management (collection, filing,
// dispatch, handling, feedback, check and close, evaluation; out of flow counts as 7; unknown is 0).
type StatusInfo struct {
	Stage    int8
	Terminal bool // no further step is expected; a reopening is legal all the same
}

// Statuses is the status list with stages.
var Statuses = statuses()

func statuses() *CodeList {
	l := &CodeList{Name: "status", Unknown: "unknown"}
	add := func(v, zh string, stage int8, terminal bool) {
		l.Codes = append(l.Codes, Code{Value: v, Doc: v, DocZH: zh, Status: &StatusInfo{Stage: stage, Terminal: terminal}})
	}
	add("received", "待受理", 1, false)
	add("need_info", "待补充", 1, false)
	add("accepted", "已受理", 2, false)
	add("pending_dispatch", "待派遣", 3, false)
	add("dispatched", "已派遣", 3, false)
	add("in_progress", "处置中", 4, false)
	add("returned", "退单", 3, false)
	add("suspended", "缓办", 4, false)
	add("supervised", "督办", 4, false)
	add("resolved", "已处置", 5, false)
	add("checking", "待回访", 6, false)
	add("rework", "重办", 4, false)
	add("closed", "已结案", 6, true)
	add("rejected", "不予受理", 2, true)
	add("cancelled", "作废", 7, true)
	add("transferred_out", "转出", 7, true)
	add("merged", "并单", 7, true)
	add("unknown", "未知", 0, false)
	return l
}

// Stage returns the stage of a status, 0 for one that is not in the list.
func Stage(status string) int8 {
	if c, ok := Statuses.Get(status); ok {
		return c.Status.Stage
	}
	return 0
}

// Terminal reports whether no further step is expected after status.
func Terminal(status string) bool {
	c, ok := Statuses.Get(status)
	return ok && c.Status.Terminal
}

// TransitionKind judges a step from one status to the next.
type TransitionKind uint8

const (
	// Step is an ordinary step forward or a legal loop (return, rework, suspension, supervision).
	Step TransitionKind = iota
	// Reopened is a step out of a terminal status: legal, and flagged REOPENED.
	Reopened
	// NoStep is a transition from a status to itself.
	NoStep
)

// Judge classifies the step from one status to another. Departments reopen, rework and skip stages in practice, so no
// pair of known statuses is refused; what is unusual is said by the kind.
func Judge(from, to string) TransitionKind {
	switch {
	case from == to:
		return NoStep
	case Terminal(from) && !Terminal(to):
		return Reopened
	default:
		return Step
	}
}

// Action names the transition that a status change stands for, in the vocabulary of event_transition.action.
func Action(from, to string) string {
	switch to {
	case "accepted":
		return "accept"
	case "pending_dispatch":
		return "file"
	case "dispatched":
		return "dispatch"
	case "returned":
		return "return"
	case "suspended":
		return "suspend"
	case "in_progress":
		if from == "suspended" {
			return "resume"
		}
		return "sign"
	case "supervised":
		return "supervise"
	case "resolved":
		return "resolve"
	case "checking":
		return "resolve"
	case "rework":
		return "check_fail"
	case "closed":
		return "close"
	case "rejected", "cancelled":
		return "cancel"
	case "transferred_out":
		return "transfer"
	case "merged":
		return "merge"
	default:
		return "accept"
	}
}
