"""plot_log.py LOG.csv OUT.svg: held-out bits per byte against tokens, with the teacher's as a line to beat."""
import csv
import sys

TEACHER = 1.1844
WIDTH, HEIGHT, LEFT, BOTTOM = 640, 320, 56, 40


def main():
    rows = [(int(r["tokens"]) / 1e6, float(r["held_out_bits_per_byte"])) for r in csv.DictReader(open(sys.argv[1]))]
    least, most = min(b for _, b in rows) - 0.02, max(b for _, b in rows) + 0.02
    last = rows[-1][0]
    x = lambda v: LEFT + v / last * (WIDTH - LEFT - 16)
    y = lambda v: 16 + (most - v) / (most - least) * (HEIGHT - BOTTOM - 16)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    tick = 0.05
    for i in range(int(least / tick) + 1, int(most / tick) + 1):
        out.append(f'<path d="M{LEFT} {y(i * tick):.1f}H{WIDTH - 16}" stroke="#e4e4e4"/>'
                   f'<text x="{LEFT - 8}" y="{y(i * tick) + 4:.1f}" text-anchor="end">{i * tick:.2f}</text>')
    for i in range(0, int(last) + 1, max(1, int(last / 8))):
        out.append(f'<text x="{x(i):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{i}</text>')
    out.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">million tokens read</text>')
    out.append(f'<path d="M{LEFT} {y(TEACHER):.1f}H{WIDTH - 16}" stroke="#b4553c" stroke-dasharray="5 4"/>'
               f'<text x="{WIDTH - 20}" y="{y(TEACHER) - 6:.1f}" text-anchor="end" fill="#b4553c">TinyStories-656K</text>')
    points = " ".join(f"{x(t):.1f},{y(b):.1f}" for t, b in rows)
    out.append(f'<polyline points="{points}" fill="none" stroke="#3c64b4" stroke-width="2"/>')
    out.append(f'<text x="{LEFT + 8}" y="{HEIGHT - BOTTOM - 8}">bits per byte of held-out text</text></svg>')
    open(sys.argv[2], "w").write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
