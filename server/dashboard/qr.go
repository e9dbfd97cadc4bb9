package dashboard

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// A qrImage is a QR code as an SVG path of unit squares. Size is its side in
// squares, with the quiet zone.
type qrImage struct {
	Path string
	Size int
}

const quietZone = 4

// drawQR draws a code. A text that fits into none gives an empty image.
func drawQR(text string) qrImage {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrImage{}
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			wide := 1
			for code.Black(x+wide, y) {
				wide++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, wide, wide)
			x += wide
		}
	}
	return qrImage{path.String(), code.Size + 2*quietZone}
}
