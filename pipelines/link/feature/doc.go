// Package feature turns the words of a record into what linkage compares: a normalised text, hashed sets of character
// n-grams and words, bands that find copies, names of places, ticket numbers that the text quotes.
//
// Chinese has no blanks between words and most callers use their own: two reports of one incident share the name of the
// place and little else. Places are therefore the strongest feature of a text, and sets of n-grams on runes find copies.
// Everything is rune-based; nothing compares bytes.
//
// It is not for people: no name, telephone, plate or identity number becomes a feature. It learns nothing and keeps no
// state between texts; document frequencies belong to the caller's Counter.
package feature
