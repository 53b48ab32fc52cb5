package host

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// With this variable the test binary is a host that only starts the plugin and waits to be killed.
const helperVariable = "DUCKDB_PERF_HOST_HELPER"

// Grafana stops and starts its plugins at will; nothing may pile up.
func TestManyStartsLeaveNothing(t *testing.T) {
	exe, temp := ownExecutable(t), shortTempDir(t)
	const starts = 20 // tests/it does it 200 times with its own client
	quickest := time.Hour
	for index := range starts {
		plugin, err := launch(exe, "TMPDIR="+temp)
		if err != nil {
			t.Fatalf("start %d: %v", index, err)
		}
		// Every tenth has a worker and work.
		if index%10 == 0 {
			plugin.ask(t, anySettings(), query("A", "SELECT 1 AS n", nil))
		}
		began := time.Now()
		plugin.stop(t)
		quickest = min(quickest, time.Since(began))
	}
	// Each of them may meet a busy machine, but not all.
	if quickest > 1900*time.Millisecond {
		t.Errorf("no stop took less than %v: hosts kill after two seconds", quickest)
	}
	expectNothingLeft(t, exe, temp)
}

func TestSignalsEndThePlugin(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			exe, temp := ownExecutable(t), shortTempDir(t)
			plugin, err := launch(exe, "TMPDIR="+temp)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(plugin.client.Kill)
			plugin.ask(t, anySettings(), query("A", "SELECT 1 AS n", nil))
			if err := syscall.Kill(plugin.pid, signal); err != nil {
				t.Fatal(err)
			}
			plugin.expectEnd(t)
			expectNothingLeft(t, exe, temp)
		})
	}
}

// When the host is killed without a word, the plugin notices.
func TestKilledHostLeavesNothing(t *testing.T) {
	exe, temp := ownExecutable(t), shortTempDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	helper := exec.Command(self)
	helper.Env = append(os.Environ(), helperVariable+"="+exe, "TMPDIR="+temp)
	helper.Stderr = os.Stderr
	stdout, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = helper.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		t.Fatalf("the helper says %q (%v)", line, err)
	}
	if len(processes(exe)) == 0 || len(runDirs(t, temp)) == 0 {
		t.Fatal("the helper's plugin does not run")
	}
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = helper.Process.Wait()
	expectNothingLeft(t, exe, temp)
}

// runHelper starts the plugin, makes it work, says so, and sleeps.
func runHelper() {
	plugin, err := launch(os.Getenv(helperVariable), "TMPDIR="+os.Getenv("TMPDIR"))
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	_ = plugin.askQuietly(anySettings(), query("A", "SELECT 1 AS n", nil))
	fmt.Println("ready")
	time.Sleep(time.Minute)
	os.Exit(1)
}

// What a killed plugin cannot clean up itself, the next one does; what belongs to the living stays.
func TestTheNextPluginSweeps(t *testing.T) {
	exe, temp := ownExecutable(t), shortTempDir(t)
	living, err := launch(exe, "TMPDIR="+temp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(living.client.Kill)
	killed, err := launch(exe, "TMPDIR="+temp)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(killed.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed.client.Kill()
	if dirs := runDirs(t, temp); len(dirs) < 2 {
		t.Fatalf("nothing to sweep: %v", dirs)
	}
	next, err := launch(exe, "TMPDIR="+temp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.client.Kill)
	own := []string{"-" + strconv.Itoa(living.pid) + "-", "-" + strconv.Itoa(next.pid) + "-"}
	waitFor(t, "the killed plugin's folder stays", func() bool {
		for _, dir := range runDirs(t, temp) {
			if !strings.Contains(dir, own[0]) && !strings.Contains(dir, own[1]) {
				return false
			}
		}
		return true
	})
	if living.askQuietly(anySettings(), query("A", "SELECT 1 AS n", nil)) != nil || len(runDirs(t, temp)) < 2 {
		t.Error("the living plugin was disturbed")
	}
}

// The socket's folder is closed to others, and a temporary folder with a long name is no obstacle.
func TestSocketFolder(t *testing.T) {
	temp := shortTempDir(t)
	long := filepath.Join(temp, strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{temp, long, filepath.Join(temp, "missing")} {
		plugin, err := launch(os.Getenv("DUCKDB_PERF_EXE"), "TMPDIR="+dir)
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		address := plugin.client.ReattachConfig().Addr
		folder, err := os.Stat(filepath.Dir(address.String()))
		if err != nil || address.Network() != "unix" || folder.Mode().Perm() != 0o700 {
			t.Errorf("%s %s: %v (%v)", address.Network(), address, folder.Mode(), err)
		}
		plugin.stop(t)
		if _, err := os.Stat(filepath.Dir(address.String())); !os.IsNotExist(err) {
			t.Errorf("%s is still there", address)
		}
	}
}

// stdout carries the handshake line and nothing else.
func TestStdoutIsTheHandshake(t *testing.T) {
	command := exec.Command(os.Getenv("DUCKDB_PERF_EXE"))
	command.Env = append(os.Environ(), "grafana_plugin_type=datasource", "PLUGIN_PROTOCOL_VERSIONS=2", "TMPDIR="+shortTempDir(t))
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "1|2|unix|/") || !strings.HasSuffix(line, "|grpc\n") {
		t.Errorf("the handshake is %q (%v)", line, err)
	}
	_ = command.Process.Signal(syscall.SIGTERM)
	if rest, _ := io.ReadAll(reader); len(rest) > 0 {
		t.Errorf("more on stdout: %q", rest)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("the plugin ended with %v", err)
	}
}

// anySettings makes a worker start where there are fixtures, and an error where there are none.
func anySettings() *pluginv2.PluginContext {
	return pluginContext(map[string]any{"path": filepath.Join(os.Getenv("DUCKDB_PERF_FIXTURES"), "reports")})
}

func (h *host) askQuietly(pc *pluginv2.PluginContext, query *pluginv2.DataQuery) error {
	_, err := h.data.QueryData(context.Background(), &pluginv2.QueryDataRequest{PluginContext: pc, Queries: []*pluginv2.DataQuery{query}})
	return err
}
