// Package cluster joins rows that report the same thing, from weighted pairs, by guarded agglomeration: pairs in
// descending weight, each joining two clusters only if the whole of both supports it. Connected components of the same
// pairs would chain: A like B, B like C, and so on over a whole district.
//
// # Order
//
// Human decisions first, the newest first; then links given by a source, then certain ones, then probable ones, each by
// falling weight. Ties are broken by record ids, never by row numbers, and every connected component is computed by
// itself. So the clusters are a function of the set of rows, pairs and decisions: the order of arrival does not matter,
// and computing only the touched components again gives what computing all of them gives.
//
// # Guards
//
//	             cannot-link  class never  class review  weight  support  diameter  span
//	must-link    holds        -            -             -       -        -         -
//	Given        holds        holds (1)    -             -       -        -         -
//	Certain      holds        holds        -             -       -        holds     holds
//	Probable     holds        holds        holds         holds   holds    holds     holds
//
// (1) unless the policy of the class says FollowGiven. A must-link that contradicts a cannot-link is refused and
// reported: keeping two incidents apart costs less than one response for two.
//
// It does not compute weights (pipelines/link/score) or name incidents (pipelines/link/identity).
package cluster
