package block

import (
	"context"
	"errors"
)

func pairs(context.Context, Input, func([]Pair) error) (Stats, error) {
	return Stats{}, errors.ErrUnsupported
}
