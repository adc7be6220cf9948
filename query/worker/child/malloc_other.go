//go:build !linux

package child

func fewArenas() {}
