package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// grouped returns a count with its thousands separated, as on the charts' axes.
func (l *locale) grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	if l.long && len(text) < 5 {
		return text
	}
	size, groups := 3, []string{}
	for len(text) > size {
		groups = append(groups, text[len(text)-size:])
		text = text[:len(text)-size]
		if l.pairs {
			size = 2
		}
	}
	groups = append(groups, text)
	slices.Reverse(groups)
	return strings.Join(groups, l.group)
}

// decimals returns a number with a count of decimals, or with all that it has
// for -1.
func (l *locale) decimals(n float64, count int) string {
	return strings.Replace(strconv.FormatFloat(n, 'f', count, 64), ".", l.decimal, 1)
}

// percent returns a share of all, or "–" if all is 0.
func (l *locale) percentage(part, all int64) string {
	if all == 0 {
		return "–"
	}
	share := float64(part) * 100 / float64(all)
	if part < all && share > 99.9 {
		share = 99.9 // all is all
	}
	if share == float64(int64(share)) || share >= 10 && share < 99 {
		return fmt.Sprintf(l.percent, l.decimals(share, 0))
	}
	return fmt.Sprintf(l.percent, l.decimals(share, 1))
}

// millis returns a time of the API, or "–" for none.
func (l *locale) millis(n *int64) string {
	if n == nil {
		return "–"
	}
	return l.took(time.Duration(*n) * time.Millisecond)
}

// took returns a duration as people compare it.
func (l *locale) took(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return l.decimals(ms, 1) + " ms"
	}
	if ms < 10_000 {
		return l.decimals(ms, 0) + " ms"
	}
	return l.decimals(ms/1000, 1) + " s"
}

// dollars returns millionths of a dollar to the cent, and small sums to the
// last digit.
func (l *locale) dollars(micros int64) string {
	if micros < 10_000 {
		return fmt.Sprintf(l.money, strings.TrimRight(l.decimals(float64(micros)/1e6, 6), "0"))
	}
	return fmt.Sprintf(l.money, l.grouped(micros/1_000_000)+fmt.Sprintf("%s%02d", l.decimal, micros%1_000_000/10_000))
}

// A barPart is a piece of a bar that is a thousand wide.
type barPart struct {
	name     string
	x, width int
}

// barParts lays shares side by side. Each is visible, however small.
func barParts(shares []share, all int64) []barPart {
	const whole, least = 1000, 6
	var parts []barPart
	widest, sum := 0, 0
	for i, s := range shares {
		width := max(int(s.count*whole/all), least)
		parts = append(parts, barPart{name: s.name, width: width})
		if sum += width; width > parts[widest].width {
			widest = i
		}
	}
	if len(parts) > 0 {
		parts[widest].width += whole - sum
	}
	for i := 1; i < len(parts); i++ {
		parts[i].x = parts[i-1].x + parts[i-1].width
	}
	return parts
}
