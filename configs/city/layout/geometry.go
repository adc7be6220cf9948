package main

import (
	"fmt"
	"math"
	"slices"
)

// point is longitude, latitude in units of 1e-6 degrees, so that shared borders are equal to the bit.
type point [2]int

// The city is a lattice of fineX by fineY cells whose corners and edges are bent. A basic grid is one cell, a community
// 2 by 2 cells, and everything above is a union, so that borders of all levels coincide.
const (
	fineX, fineY = 16, 10
	west, south  = 119_250_000, 32_275_000
	cellX, cellY = 18_750, 25_000
)

// noise is a repeatable number in [-1, 1).
func noise(parts ...int) float64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		h ^= uint64(int64(p))
		h *= 1099511628211
		h ^= h >> 29
	}
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 32
	return float64(h%20001)/10000 - 1
}

// corner is the bent position of a lattice corner.
func corner(i, j int) point {
	return point{
		west + i*cellX + int(0.22*cellX*noise(1, i, j)),
		south + j*cellY + int(0.22*cellY*noise(2, i, j)),
	}
}

// edge is the bent line between two neighbouring corners, without its last point. Both directions give the same points.
func edge(ai, aj, bi, bj int) []point {
	if ai > bi || aj > bj {
		line := append(edge(bi, bj, ai, aj), corner(ai, aj))
		slices.Reverse(line)
		return line[:len(line)-1]
	}
	a, b := corner(ai, aj), corner(bi, bj)
	line := []point{a}
	for k := 1; k <= 2; k++ {
		t := float64(k) / 3
		line = append(line, point{
			a[0] + int(t*float64(b[0]-a[0])) + int(0.06*cellX*noise(3, ai, aj, bi, bj, k)),
			a[1] + int(t*float64(b[1]-a[1])) + int(0.06*cellY*noise(4, ai, aj, bi, bj, k)),
		})
	}
	return line
}

// cell is the ring of one lattice cell, counter-clockwise and not closed.
func cell(i, j int) []point {
	return slices.Concat(edge(i, j, i+1, j), edge(i+1, j, i+1, j+1), edge(i+1, j+1, i, j+1), edge(i, j+1, i, j))
}

// union joins cells that touch into one ring: the edges that no neighbour runs in the other direction.
func union(cells [][]point) []point {
	next := map[point]point{}
	inner := map[[2]point]bool{}
	for _, c := range cells {
		for k, p := range c {
			inner[[2]point{p, c[(k+1)%len(c)]}] = true
		}
	}
	var start point
	for _, c := range cells {
		for k, p := range c {
			q := c[(k+1)%len(c)]
			if !inner[[2]point{q, p}] {
				if len(next) == 0 || p[1] < start[1] || p[1] == start[1] && p[0] < start[0] {
					start = p
				}
				next[p] = q
			}
		}
	}
	ring := []point{start}
	for p := next[start]; p != start; p = next[p] {
		ring = append(ring, p)
	}
	if len(ring) != len(next) {
		panic(fmt.Sprintf("the cells do not make one ring: %d of %d points", len(ring), len(next)))
	}
	return ring
}

// rectangle is a turned rectangle of the given size in metres.
func rectangle(lon, lat, width, height, turn float64) []point {
	const metre = 1e6 / 111_320
	sin, cos := math.Sincos(turn * math.Pi / 180)
	east := metre / math.Cos(lat*math.Pi/180)
	var ring []point
	for _, c := range [][2]float64{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		x, y := c[0]*width/2, c[1]*height/2
		ring = append(ring, point{int(math.Round(lon*1e6 + (x*cos-y*sin)*east)), int(math.Round(lat*1e6 + (x*sin+y*cos)*metre))})
	}
	return ring
}

// contains reports whether a ring holds a point.
func contains(ring []point, p point) bool {
	in := false
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		if (a[1] > p[1]) != (b[1] > p[1]) {
			x := float64(a[0]) + float64(p[1]-a[1])/float64(b[1]-a[1])*float64(b[0]-a[0])
			if float64(p[0]) < x {
				in = !in
			}
		}
	}
	return in
}
