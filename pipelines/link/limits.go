package link

import "onegrid/pipelines/link/spec"

// Bands are the weights in bits from which a mapping links a pair and from which it proposes one.
func Bands(s *spec.Spec) (link, review float64) { return bands(s) }
