// Package evaluate measures a clustering against what is known to be true: pairs, B-cubed, sizes, ranking, churn and where
// false links come from. No single figure is enough. Doing nothing has a B-cubed F of 0.97 where most records stand alone,
// and labels that are incomplete make a precision a lower bound; so every rate stands beside its counts.
//
// Definitions: pairwise measures after Christen, Data Matching (Springer 2012), chapter 7; B-cubed after Bagga and
// Baldwin, LREC 1998, and Amigó et al., Information Retrieval 12 (2009).
//
// It does not read labels or draw anything: it returns structs whose JSON is the machine-readable result.
package evaluate
