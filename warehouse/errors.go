package warehouse

import "errors"

var (
	// ErrFenced means the resume point moved since the unit's Base: another run is ahead. Nothing was stored.
	ErrFenced = errors.New("resume point moved: another run of this source is ahead")
	// ErrUnbalanced means that counts inside the transaction did not add up. Nothing was stored.
	ErrUnbalanced = errors.New("records of the unit do not add up")
	// ErrPosition means that a position is of another store, or of a history that this store no longer has. Start again
	// from the zero Position.
	ErrPosition = errors.New("position is not of this store's history: read everything again")
	// ErrLinks means that incidents would not be consistent: an incident without exactly one countable member, an event in
	// two incidents, or a link to an event that is not stored. Nothing was stored.
	ErrLinks = errors.New("links do not make consistent incidents")
	// ErrNoEvent means that no event or incident has the id.
	ErrNoEvent = errors.New("no event or incident has this id")
	// ErrDiskFull means that a write met a full disk or quota. Nothing was stored; free space and go on.
	ErrDiskFull = errors.New("no space left for the store")
	// ErrDown means that the engine gave up its handle and could not be reopened yet.
	ErrDown = errors.New("store is down")
	// ErrUnknownOutcome means that COMMIT failed and the store could not be read back: ask State once it is up.
	ErrUnknownOutcome = errors.New("outcome of the commit is not known yet")
	// ErrLocked means that another process holds the data directory.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrDamaged means that the store or its log cannot be opened as it is: run onegrid recover.
	ErrDamaged = errors.New("store is damaged")
	// ErrWitnessAhead means that commits which were acknowledged are missing from the store.
	ErrWitnessAhead = errors.New("witness is ahead of the store: acknowledged commits are missing")
)
