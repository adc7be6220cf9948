package feature

// Gazetteer is a list of division names. It is immutable.
type Gazetteer struct {
	names map[string]PlaceKind
}
