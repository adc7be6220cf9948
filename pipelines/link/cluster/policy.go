package cluster

import (
	"fmt"
	"math"
)

// stricter returns the rules between two classes.
func stricter(a, b Policy) Policy {
	p := Policy{
		Mode:        max(a.Mode, b.Mode),
		FollowGiven: a.follows() && b.follows(),
		Link:        max(a.Link, b.Link),
		Review:      max(a.Review, b.Review),
		Support:     max(a.Support, b.Support),
		SupportBits: max(a.SupportBits, b.SupportBits),
		Diameter:    least(a.Diameter, b.Diameter),
		Span:        least(a.Span, b.Span),
		Alarm:       least(a.Alarm, b.Alarm),
	}
	return p
}

// follows reports whether links given by a source are followed: a class that the program may join follows them anyway.
func (p *Policy) follows() bool { return p.Mode != Never || p.FollowGiven }

// least is the smaller limit; 0 is none.
func least[N int | int64 | float64](a, b N) N {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (p *Policy) check() error {
	switch {
	case math.IsNaN(p.Link) || math.IsNaN(p.Review) || math.IsNaN(p.SupportBits) || math.IsNaN(p.Diameter) || math.IsNaN(p.Support):
		return fmt.Errorf("%w: class %s has a limit that is no number", ErrInput, p.Class)
	case p.Review > p.Link:
		return fmt.Errorf("%w: class %s reviews from %g bits but links from %g", ErrInput, p.Class, p.Review, p.Link)
	case p.Support < 0 || p.Support > 1:
		return fmt.Errorf("%w: class %s wants a support of %g, not a share", ErrInput, p.Class, p.Support)
	case p.Diameter < 0 || p.Span < 0 || p.Alarm < 0:
		return fmt.Errorf("%w: class %s has a negative limit", ErrInput, p.Class)
	case p.Mode > Never:
		return fmt.Errorf("%w: class %s has no mode", ErrInput, p.Class)
	}
	return nil
}

// first is the verdict about an edge by itself. Joined means that it is a candidate for joining.
func (p *Policy) first(e *Edge) Verdict {
	switch {
	case e.Kind == Given:
		if !p.follows() {
			return RefusedClass
		}
		return Joined
	case e.Kind == Certain:
		if p.Mode == Never {
			return RefusedClass
		}
		return Joined
	case e.Weight < p.Review:
		return Below
	case e.Weight < p.Link:
		return ForReview
	case p.Mode != Auto:
		return RefusedClass
	}
	return Joined
}
