package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tieout/internal/fault"
)

// browser finds a real browser, or ends the test: with a reason, or as failed
// where one is demanded.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("TIEOUT_REQUIRE_BROWSER") == "1" {
		t.Fatal("no browser, and TIEOUT_REQUIRE_BROWSER=1")
	}
	t.Skip("no chromium on this machine")
	return ""
}

// browse opens a page and returns what the browser writes.
func browse(t *testing.T, page string, args ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--hide-scrollbars", "--user-data-dir=" + t.TempDir()}, args...)
	cmd := exec.CommandContext(ctx, browser(t), append(args, "file://"+page)...)
	cmd.WaitDelay = 10 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("browser: %v\n%s", err, errs.String())
	}
	return out.String(), errs.String()
}

// A real browser shows the pages, on a desk and on a phone, and its policy
// refuses nothing of ours.
func TestBrowserShowsThePages(t *testing.T) {
	browser(t)
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	dir := write(t, rich(), both...)
	for _, lang := range both {
		page := filepath.Join(dir, "report."+string(lang)+".html")
		dom, log := browse(t, page, "--dump-dom")
		for _, want := range []string{tongue{lang}.verdict(rich().Verdict), "-1,203,441.07", "<svg", "ORD-1002"} {
			if !strings.Contains(dom, want) {
				t.Errorf("%s: the browser's document lacks %q", lang, want)
			}
		}
		if strings.Contains(log, "Content Security Policy") {
			t.Errorf("%s: the browser refuses a part of the page:\n%s", lang, log)
		}
	}
	for name, size := range map[string]string{"desk": "1280,1600", "phone": "390,1600"} {
		shot := filepath.Join(dir, name+".png")
		browse(t, filepath.Join(dir, "report.zh.html"), "--screenshot="+shot, "--window-size="+size)
		body, err := os.ReadFile(shot)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		colours := map[[3]uint32]bool{}
		for y := 0; y < img.Bounds().Dy(); y += 3 {
			for x := 0; x < img.Bounds().Dx(); x += 3 {
				r, g, b, _ := img.At(x, y).RGBA()
				colours[[3]uint32{r, g, b}] = true
			}
		}
		if len(colours) < 50 { // an unstyled page is black on white
			t.Errorf("%s: the picture has only %d colours", name, len(colours))
		}
	}
}

// The digest in the policy is that of the style as it stands in the page.
func TestPolicyNamesTheStyle(t *testing.T) {
	page := content(t, write(t, rich(), fault.English), "report.en.html")
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	policy := regexp.MustCompile(`content="(default-src[^"]*)"`).FindStringSubmatch(page)
	if style == nil || policy == nil {
		t.Fatal("no style or no policy")
	}
	sum := sha256.Sum256([]byte(style[1]))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(html.UnescapeString(policy[1]), want) {
		t.Errorf("the policy %s does not name the style, %s", html.UnescapeString(policy[1]), want)
	}
	if strings.Contains(page, ` style="`) {
		t.Error("the page has a style that its policy does not allow")
	}
}
