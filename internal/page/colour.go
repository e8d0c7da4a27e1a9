package page

import (
	"fmt"
	"math"
	"strconv"
)

// colour is an sRGB colour.
type colour struct{ r, g, b float64 } // 0 to 1

// parseColour reads #rrggbb or #rgb.
func parseColour(s string) (colour, error) {
	if len(s) == 4 && s[0] == '#' {
		s = string([]byte{'#', s[1], s[1], s[2], s[2], s[3], s[3]})
	}
	if len(s) == 7 && s[0] == '#' {
		if n, err := strconv.ParseUint(s[1:], 16, 32); err == nil {
			return colour{float64(n>>16&255) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, nil
		}
	}
	return colour{}, fmt.Errorf("must be a colour like #1f5f4f, is %q", s)
}

// mustColour is for colours of our own.
func mustColour(s string) colour {
	c, err := parseColour(s)
	if err != nil {
		panic(err)
	}
	return c
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", byteOf(c.r), byteOf(c.g), byteOf(c.b))
}

func byteOf(v float64) int { return int(math.Round(min(max(v, 0), 1) * 255)) }

// towards mixes in a share of another colour.
func (c colour) towards(o colour, share float64) colour {
	mix := func(a, b float64) float64 { return a + (b-a)*share }
	return colour{mix(c.r, o.r), mix(c.g, o.g), mix(c.b, o.b)}
}

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the ratio of two colours, from 1 to 21 (WCAG 2.2 §1.4.3).
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// readable gives c, or the nearest colour on the way from c to end that has the wanted contrast on ground.
func readable(c, ground, end colour, want float64) colour {
	for share := 0.0; share < 1; share += 0.02 {
		// As it will be written: rounding must not cost the contrast.
		if m := mustColour(c.towards(end, share).String()); contrast(m, ground) >= want {
			return m
		}
	}
	return end
}

// lighter makes a colour lighter, in its own hue, until it can be read on the ground.
func lighter(c, ground colour, want float64) colour {
	h, sat, l := c.hsl()
	for ; l < 1; l += 0.01 {
		if m := mustColour(fromHSL(h, min(sat, 0.6), l).String()); contrast(m, ground) >= want {
			return m
		}
	}
	return colour{1, 1, 1}
}

// hsl gives hue (0 to 6), saturation and lightness.
func (c colour) hsl() (h, s, l float64) {
	top, low := max(c.r, c.g, c.b), min(c.r, c.g, c.b)
	l, d := (top+low)/2, top-low
	if d == 0 {
		return 0, 0, l
	}
	s = d / (1 - math.Abs(2*l-1))
	switch top {
	case c.r:
		h = math.Mod((c.g-c.b)/d+6, 6)
	case c.g:
		h = (c.b-c.r)/d + 2
	default:
		h = (c.r-c.g)/d + 4
	}
	return h, s, l
}

func fromHSL(h, s, l float64) colour {
	chroma := (1 - math.Abs(2*l-1)) * s
	x, m := chroma*(1-math.Abs(math.Mod(h, 2)-1)), l-chroma/2
	var c colour
	switch int(h) {
	case 0:
		c = colour{chroma, x, 0}
	case 1:
		c = colour{x, chroma, 0}
	case 2:
		c = colour{0, chroma, x}
	case 3:
		c = colour{0, x, chroma}
	case 4:
		c = colour{x, 0, chroma}
	default:
		c = colour{chroma, 0, x}
	}
	return colour{c.r + m, c.g + m, c.b + m}
}
