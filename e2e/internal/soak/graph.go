package soak

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Size and resolution of the picture.
const (
	width, height = 22 * vg.Centimeter, 26 * vg.Centimeter
	resolution    = 100
)

// panel is one of the diagrams, which stand one above the other over the same time.
type panel struct {
	label string
	lines []line
}

type line struct {
	name string // "" where there is one only
	read func(i int) (value float64, known bool)
}

// WritePNG draws what the process used, what the stores held and what happened, over time.
func (r *Result) WritePNG(out io.Writer) error {
	panels := []panel{
		{"heap, MiB", []line{r.line("", func(s Sample) float64 { return float64(s.Heap) / (1 << 20) })}},
		{"goroutines", []line{r.line("", func(s Sample) float64 { return float64(s.Goroutines) })}},
		{"open files", []line{r.line("", func(s Sample) float64 { return float64(s.Files) })}},
		{"sessions at the store", nil},
		{"faults so far, both stores", nil},
	}
	if len(r.Names) == 1 {
		panels[4].label = "faults so far"
	}
	for n, name := range r.Names {
		panels[3].lines = append(panels[3].lines, line{name, func(i int) (float64, bool) {
			sessions := r.Samples[i].Stores[n].Sessions
			return float64(sessions), sessions >= 0
		}})
	}
	for _, g := range groups() {
		panels[4].lines = append(panels[4].lines, r.line(g.name, func(s Sample) float64 {
			sum := 0
			for _, st := range s.Stores {
				sum += g.of(st)
			}
			return float64(sum)
		}))
	}
	rows := make([][]*plot.Plot, len(panels))
	for i, p := range panels {
		drawn, err := r.draw(p)
		if err != nil {
			return err
		}
		rows[i] = []*plot.Plot{drawn}
	}
	rows[0][0].Title.Text = fmt.Sprintf("%v of random faults, %d members at each store, TTL %v, seed %d", r.For, r.Members, r.TTL, r.Seed)
	rows[0][0].Title.Padding = vg.Points(6)
	rows[len(rows)-1][0].X.Label.Text = "time, minutes"
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(resolution))
	tiles := draw.Tiles{Rows: len(rows), Cols: 1, PadY: vg.Points(8), PadTop: vg.Points(4), PadBottom: vg.Points(4), PadLeft: vg.Points(4), PadRight: vg.Points(10)}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		rows[i][0].Draw(row[0])
	}
	return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(out, reduced(canvas.Image()))
}

// reduced is the picture in shades.
func reduced(from image.Image) *image.Paletted {
	bounds := from.Bounds()
	small := image.NewPaletted(bounds, shades())
	nearest := make(map[color.Color]uint8)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := from.At(x, y)
			index, known := nearest[c]
			if !known {
				index = uint8(small.Palette.Index(c))
				nearest[c] = index
			}
			small.SetColorIndex(x, y, index)
		}
	}
	return small
}

// curves are the colors of the lines.
func curves() []color.RGBA {
	return []color.RGBA{{31, 90, 160, 255}, {200, 80, 20, 255}, {40, 130, 60, 255}, {110, 60, 140, 255}}
}

// shades are all that is in a picture: each color, and black, in steps from white. With so few the file is a third as large.
func shades() color.Palette {
	const steps = 32
	var all color.Palette
	for _, c := range append(curves(), color.RGBA{A: 255}) {
		for i := range steps {
			mix := func(v uint8) uint8 { return uint8((int(v)*i + 255*(steps-1-i)) / (steps - 1)) }
			all = append(all, color.RGBA{mix(c.R), mix(c.G), mix(c.B), 255})
		}
	}
	return all
}

// group is several kinds of faults.
type group struct {
	name        string
	first, last Kind
}

func groups() []group {
	return []group{{"network", Reset, Slow}, {"members", Resign, RebuildCut}, {"operator", DeleteKey, EndSession}, {"servers", KillServer, PauseServer}}
}

func (g group) of(s Standing) int {
	sum := 0
	for k := g.first; k <= g.last; k++ {
		sum += s.Faults[k]
	}
	return sum
}

func (r *Result) line(name string, read func(Sample) float64) line {
	return line{name, func(i int) (float64, bool) { return read(r.Samples[i]), true }}
}

func (r *Result) draw(p panel) (*plot.Plot, error) {
	drawn := plot.New()
	for _, f := range []*font.Font{
		&drawn.Title.TextStyle.Font, &drawn.X.Label.TextStyle.Font, &drawn.Y.Label.TextStyle.Font,
		&drawn.X.Tick.Label.Font, &drawn.Y.Tick.Label.Font, &drawn.Legend.TextStyle.Font,
	} {
		f.Variant = "Sans"
	}
	drawn.X.Tick.Marker, drawn.Y.Tick.Marker = plot.TickerFunc(plainTicks), plot.TickerFunc(plainTicks)
	drawn.Y.Label.Text = p.label
	drawn.Y.Label.Padding = vg.Points(4)
	drawn.X.Min, drawn.X.Max = 0, r.For.Minutes()
	drawn.Y.Min = 0
	drawn.Legend.Top, drawn.Legend.Left = true, true
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{225}, color.Gray{225}
	drawn.Add(grid)
	colors := curves()
	for n, l := range p.lines {
		var points plotter.XYs
		for i, s := range r.Samples {
			if value, known := l.read(i); known {
				points = append(points, plotter.XY{X: float64(s.At) / float64(time.Minute), Y: value})
			}
		}
		if len(points) == 0 {
			continue
		}
		curve, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		curve.Color, curve.Width = colors[n%len(colors)], vg.Points(0.9)
		drawn.Add(curve)
		if l.name != "" {
			drawn.Legend.Add(l.name, curve)
		}
	}
	drawn.X.Min, drawn.X.Max, drawn.Y.Min = 0, r.For.Minutes(), 0
	drawn.Y.Max *= 1.1 + 0.1*float64(len(p.lines)-1) // room for the legend
	return drawn, nil
}

// plainTicks are the usual ones, without digits that say nothing.
func plainTicks(least, most float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(least, most)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = strconv.FormatFloat(ticks[i].Value, 'g', 6, 64)
		}
	}
	return ticks
}
