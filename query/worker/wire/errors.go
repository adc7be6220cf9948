package wire

import "errors"

var (
	// ErrFrame is a stream that is not made of frames, or a frame that this end does not expect.
	ErrFrame = errors.New("malformed frame")
	// ErrTooLong is a frame over its limit.
	ErrTooLong = errors.New("frame is too long")
	// ErrMessage is a Data frame that is not one plain Arrow IPC message.
	ErrMessage = errors.New("malformed Arrow message")
)
