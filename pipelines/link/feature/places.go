package feature

import "github.com/cespare/xxhash/v2"

// PlaceKind says what a name is the name of. The order is that of growing precision, roughly.
type PlaceKind uint8

const (
	// PlaceCoarse is a place code of anonymised texts (A市, K3县) or a whole line or route: too large to be evidence.
	PlaceCoarse PlaceKind = iota
	// PlaceDivision is a province, city, county or new area by name.
	PlaceDivision
	// PlaceTown is a street office, town or township.
	PlaceTown
	// PlaceCommunity is a community or village.
	PlaceCommunity
	// PlaceRoad is a road, street or lane.
	PlaceRoad
	// PlaceEstate is a housing estate or a building.
	PlaceEstate
	// PlaceLandmark is a school, hospital, market, park, station, bridge and the like.
	PlaceLandmark
	// PlaceCrossing is two roads that meet.
	PlaceCrossing
	// PlaceAddress is a street address with its number, in Latin script only: Chinese house numbers are left out.
	PlaceAddress
)

// String is the kind as evidence and run figures name it.
func (k PlaceKind) String() string {
	return [...]string{"coarse", "division", "town", "community", "road", "estate", "landmark", "crossing", "address"}[k]
}

// Evidence reports whether a shared place of this kind may count as more than "same district".
func (k PlaceKind) Evidence() bool { return k >= PlaceCommunity }

// Place is one name of a place as linkage compares it: half-width, lower case, without the words before it.
type Place struct {
	Name string
	Kind PlaceKind
	// Part is set for the end of a long name whose beginning is uncertain; it stands beside the whole name.
	Part bool
}

// Token is the place as a 64-bit key for blocking and for document frequencies. The kind does not take part, so that the
// same name found by different rules is one token.
func (p Place) Token() uint64 { return xxhash.Sum64String(p.Name) | 1 }

// MaxPlaces bounds the names of one text.
const MaxPlaces = 24
