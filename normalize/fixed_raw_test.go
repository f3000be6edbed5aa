package normalize_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedSamples keeps the raw samples that are made here, since no real
// file may be published, equal to what their generators make.
func TestGeneratedSamples(t *testing.T) {
	flow, errorFlow := zmDay(t)
	damaged := purchase(2, "1120090000", 1_000)
	damaged.fee = " 000000000006"
	cut := joined("\r\n", purchase(1, "1120080000", 1_000).row(t), damaged.row(t), purchase(3, "1120100000", 1_000).row(t))
	for name, content := range map[string][]byte{
		"unionpay/2026-11-20/" + zmName:  flow,
		"unionpay/2026-11-20/" + zmeName: errorFlow,
		"unionpay/cut/" + zmName:         cut[:len(cut)-200],
		"bankdemo/" + bankName:           bankFile(bankDay()...),
		"bankdemo/empty/" + bankName:     bankFile(),
		"bankdemo/off/" + bankName:       bytes.Replace(bankFile(bankDay()...), []byte("|!1234567.89|!2"), []byte("|!1234567.88|!2"), 1),
	} {
		channel, rest := filepath.Split(filepath.FromSlash(name))
		first, inner, _ := bytes.Cut([]byte(channel), []byte{filepath.Separator})
		path := filepath.Join("..", "schemas", "channels", string(first), "testdata", "raw", string(inner), rest)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, content) {
			t.Errorf("%s is not what its generator makes (%v); run with -update", path, err)
		}
	}
}
