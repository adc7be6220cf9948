// Package certain finds the links that are known rather than estimated: a parent field of the source, a record number that
// a text quotes, a hand-over between departments, a text that is the same word for word. They come before every
// probability: in real extracts they are the largest class, and they cost no false positive.
//
// A number that fits two records links neither, a number that hundreds of records claim over weeks is a placeholder, and a
// text that dozens of records share is a form. All of these are counted, none is guessed.
//
// It weighs nothing and forms no clusters (pipelines/link/cluster). It compares no persons: the contact token is opaque,
// optional and never links by itself.
package certain
