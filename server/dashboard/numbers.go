package dashboard

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// grouped returns a number with its thousands separated, as on the charts'
// axes.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, digit := range text {
		if i > 0 && digit != '-' && (len(text)-i)%3 == 0 && text[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// percent returns a share of all, or "–" if all is 0.
func percent(part, all int64) string {
	if all == 0 {
		return "–"
	}
	share := float64(part) * 100 / float64(all)
	if part < all && share > 99.9 {
		share = 99.9 // all is all
	}
	if share == float64(int64(share)) || share >= 10 && share < 99 {
		return fmt.Sprintf("%.0f %%", share)
	}
	return fmt.Sprintf("%.1f %%", share)
}

// millis returns a time of the API, or "–" for none.
func millis(n *int64) string {
	if n == nil {
		return "–"
	}
	return took(time.Duration(*n) * time.Millisecond)
}

// took returns a duration as people compare it.
func took(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	if ms < 10_000 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// dollars returns millionths of a dollar to the cent, and small sums to the
// last digit.
func dollars(micros int64) string {
	if micros < 10_000 {
		return "$" + strings.TrimRight(fmt.Sprintf("%d.%06d", micros/1_000_000, micros%1_000_000), "0")
	}
	return fmt.Sprintf("$%d.%02d", micros/1_000_000, micros%1_000_000/10_000)
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
