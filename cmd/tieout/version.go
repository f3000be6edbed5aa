package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"
	"runtime/debug"
)

// version is set by the release build: -ldflags "-X main.version=1.2.3".
var version string

// buildName names this build for people and manifests: what another build made may
// lie in other bytes. A build that is no release is named by its clean commit, or
// else by itself.
func buildName() string {
	if version != "" {
		return version
	}
	name := cleanCommit()
	if path, err := os.Executable(); name == "" && err == nil {
		name = buildOf(path)
	}
	if name == "" {
		return "dev"
	}
	return "dev-" + name[:12]
}

// cleanCommit is what this program was built of, if nothing was changed.
func cleanCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["vcs.modified"] != "false" {
		return ""
	}
	return settings["vcs.revision"]
}

// buildOf is a digest of the build id, which stands in ELF files and changes with
// every byte of the program; of other files, of all of it.
func buildOf(path string) string {
	h := sha256.New()
	if id := buildID(path); len(id) > 0 {
		h.Write(id)
		return hex.EncodeToString(h.Sum(nil))
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

func buildID(path string) []byte {
	f, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	note := f.Section(".note.go.buildid")
	if note == nil {
		return nil
	}
	id, err := note.Data()
	if err != nil {
		return nil
	}
	return id
}
