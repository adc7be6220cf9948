// Package score says how likely two records are one thing, and why.
//
// A Program is the comparisons of a mapping file compiled for one table: Compare turns a pair of rows into a Pattern, one
// level per comparison. A Model holds what a level is worth: m, its share among matching pairs, and u, its share among
// pairs of different things. The weight of a level is log2(m/u) bits; weights add up, and with the prior they give the
// probability (Fellegi and Sunter, A Theory for Record Linkage, JASA 1969). Null is a level of weight 0 in every
// comparison. Agreement on a rare value weighs more than on a frequent one (Winkler, Frequency-Based Matching in the
// Fellegi-Sunter Model, 2000).
//
// Train estimates u from random pairs and m by expectation maximisation on the pattern counts of one blocking rule at a
// time, leaving out the comparisons that the rule decides. It never pools the rules: pooled, the prior runs to 1.
//
// The package forms no pairs and no clusters: see pipelines/link/block and pipelines/link/cluster.
package score
