package host

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What takes longer on a busy machine has not failed; each wait ends as soon as it may.
const patience = 10 * time.Second

// ownExecutable is the plugin under a name that no other process has, so that its processes, workers
// included, can be told from all others.
func ownExecutable(t *testing.T) string {
	t.Helper()
	source, err := filepath.EvalSymlinks(os.Getenv("DUCKDB_PERF_EXE"))
	if err != nil {
		t.Fatal(err)
	}
	// As /proc names it.
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(folder, "plugin")
	if os.Link(source, target) == nil {
		return target
	}
	from, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return target
}

// processes are the ids of those that run this executable.
func processes(exe string) []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == exe {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// cpuTicks is the processor time that the processes of this executable have used, in clock ticks (10 ms).
func cpuTicks(exe string) int {
	total := 0
	for _, pid := range processes(exe) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue
		}
		// After the name in parentheses: state is field 3, user and system time are 14 and 15.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, _ := strconv.Atoi(field)
			total += ticks
		}
	}
	return total
}

// runDirs are the plugin's folders in a temporary folder.
func runDirs(t *testing.T, temp string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(temp, "duckdb-perf-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// stop ends the plugin as go-plugin's Kill does, but does not kill it after two seconds.
func (h *host) stop(t *testing.T) {
	t.Helper()
	protocol, err := h.client.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := protocol.Close(); err != nil {
		t.Fatal(err)
	}
	h.expectEnd(t)
}

// expectEnd waits until the plugin has ended, and fails unless it did so by itself and well.
func (h *host) expectEnd(t *testing.T) {
	t.Helper()
	defer func() {
		if !h.client.Exited() {
			h.client.Kill()
		}
	}()
	waitFor(t, "the plugin does not end", h.client.Exited)
	if state := h.command.ProcessState; !state.Success() {
		t.Fatalf("the plugin ended with %v", state)
	}
}

// expectNothingLeft waits until no process of the executable runs and the temporary folder is empty.
func expectNothingLeft(t *testing.T, exe, temp string) {
	t.Helper()
	waitFor(t, "processes are left", func() bool { return len(processes(exe)) == 0 })
	waitFor(t, "files are left in the temporary folder", func() bool {
		entries, err := os.ReadDir(temp)
		return err == nil && len(entries) == 0
	})
}

// waitFor fails with the complaint when the condition does not hold in time.
func waitFor(t *testing.T, complaint string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}
