//go:build !linux

package sandbox

// Enter refuses: there is no sandbox here.
func Enter(Limits, string) (Protection, error) { return Protection{}, ErrPlatform }

// Meter reads the memory of this process.
type Meter struct{}

// OpenMeter refuses.
func OpenMeter() (*Meter, error) { return nil, ErrPlatform }

// Resident is unknown here.
func (*Meter) Resident() int64 { return 0 }

// Reset does nothing here.
func (*Meter) Reset() error { return ErrPlatform }

// Peak is unknown here.
func (*Meter) Peak() int64 { return 0 }
