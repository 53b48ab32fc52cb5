// Package host reads the plugin as Grafana does: go-plugin starts the executable, the official SDK's decoder
// reads what it answers. It tests the wire, not SQL.
//
//	DUCKDB_PERF_EXE       the plugin's executable (required)
//	DUCKDB_PERF_FIXTURES  a folder with `reports/`, made by `duckdb-perf demo` (for the cases)
//	UPDATE_GOLDEN=1       rewrite the golden files
package host

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// The time range of queries that do not choose one: the ISO year 2026, which has 53 weeks.
const (
	defaultFrom = "2026-01-01T00:00:00Z"
	defaultTo   = "2027-01-03T23:59:59Z"
)

// host is a running plugin and the clients that Grafana keeps for it.
type host struct {
	client      *goplugin.Client
	data        grpcplugin.DataClient
	diagnostics grpcplugin.DiagnosticsClient
	resource    grpcplugin.ResourceClient
	command     *exec.Cmd
	pid         int
}

func TestMain(m *testing.M) {
	if os.Getenv("DUCKDB_PERF_EXE") == "" {
		fmt.Fprintln(os.Stderr, "set DUCKDB_PERF_EXE to the plugin's executable")
		os.Exit(2)
	}
	if os.Getenv(helperVariable) != "" {
		runHelper()
	}
	os.Exit(m.Run())
}

// launch starts an executable with Grafana's handshake and protocol.
func launch(exe string, env ...string) (*host, error) {
	command := exec.Command(exe)
	// go-plugin would put the environment after ours, and a TMPDIR in it would win.
	command.Env = append(os.Environ(), env...)
	client := goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: command,
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{
			grpcplugin.ProtocolVersion: {
				"data":        &grpcplugin.DataGRPCPlugin{},
				"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
				"resource":    &grpcplugin.ResourceGRPCPlugin{},
			},
		},
		SkipHostEnv:      true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: logLevel()}),
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, err
	}
	started := &host{client: client, command: command, pid: command.Process.Pid}
	for name, target := range map[string]func(any){
		"data":        func(raw any) { started.data = raw.(grpcplugin.DataClient) },
		"diagnostics": func(raw any) { started.diagnostics = raw.(grpcplugin.DiagnosticsClient) },
		"resource":    func(raw any) { started.resource = raw.(grpcplugin.ResourceClient) },
	} {
		raw, err := protocol.Dispense(name)
		if err != nil {
			client.Kill()
			return nil, err
		}
		target(raw)
	}
	return started, nil
}

func logLevel() hclog.Level {
	if flag.Parsed() && testing.Verbose() {
		return hclog.Info
	}
	return hclog.Error
}

// start launches the plugin for one test, with its temporary files in a folder of their own.
func start(t *testing.T, env ...string) *host {
	t.Helper()
	started, err := launch(os.Getenv("DUCKDB_PERF_EXE"), append([]string{"TMPDIR=" + shortTempDir(t)}, env...)...)
	if err != nil {
		t.Fatalf("the plugin does not start: %v", err)
	}
	t.Cleanup(started.client.Kill)
	return started
}

// shortTempDir is a temporary folder whose name leaves room for a socket's.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "dp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fixtures is the folder of generated reports; tests that need it are skipped without it, except in CI.
func fixtures(t *testing.T) string {
	t.Helper()
	root := os.Getenv("DUCKDB_PERF_FIXTURES")
	if root == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("set DUCKDB_PERF_FIXTURES to a folder made by `duckdb-perf demo`")
		}
		t.Skip("DUCKDB_PERF_FIXTURES is not set")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// pluginContext is what Grafana sends with each call for a datasource with these settings.
func pluginContext(jsonData any) *pluginv2.PluginContext {
	text, ok := jsonData.(string)
	if !ok {
		encoded, err := json.Marshal(jsonData)
		if err != nil {
			panic(err)
		}
		text = string(encoded)
	}
	return &pluginv2.PluginContext{
		OrgId:         1,
		PluginId:      "duckdb-perf-datasource",
		PluginVersion: "0.0.0",
		UserAgent:     "Grafana/12.3.0 (linux; amd64)",
		User:          &pluginv2.User{Login: "admin", Role: "Admin"},
		GrafanaConfig: map[string]string{"GF_SQL_ROW_LIMIT": "1000000", "GF_APP_URL": "http://localhost:3000/"},
		DataSourceInstanceSettings: &pluginv2.DataSourceInstanceSettings{
			Id: 1, Uid: "perf", Name: "DuckDB Perf", JsonData: []byte(text), LastUpdatedMS: 1,
		},
	}
}

// settings of a datasource that reads the demo reports.
func settings(t *testing.T) map[string]any {
	return map[string]any{"path": filepath.Join(fixtures(t), "reports")}
}

// query is one query as Grafana's frontend sends it.
func query(refID, sql string, extra map[string]any) *pluginv2.DataQuery {
	model := map[string]any{"refId": refID, "rawSql": sql, "format": "table"}
	for key, value := range extra {
		model[key] = value
	}
	encoded, err := json.Marshal(model)
	if err != nil {
		panic(err)
	}
	return &pluginv2.DataQuery{
		RefId:         refID,
		MaxDataPoints: 1000,
		IntervalMS:    3_600_000,
		TimeRange:     &pluginv2.TimeRange{FromEpochMS: millis(defaultFrom), ToEpochMS: millis(defaultTo)},
		Json:          encoded,
	}
}

// ask sends queries and reads the answers with the SDK's own decoder.
func (h *host) ask(t *testing.T, pc *pluginv2.PluginContext, queries ...*pluginv2.DataQuery) backend.Responses {
	t.Helper()
	return h.askRequest(t, &pluginv2.QueryDataRequest{PluginContext: pc, Queries: queries})
}

func (h *host) askRequest(t *testing.T, request *pluginv2.QueryDataRequest) backend.Responses {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	response, err := h.data.QueryData(ctx, request)
	if err != nil {
		t.Fatalf("the whole request failed: %v", err)
	}
	decoded, err := backend.FromProto().QueryDataResponse(response)
	if err != nil {
		t.Fatalf("the SDK cannot read the response: %v", err)
	}
	return decoded.Responses
}

func millis(text string) int64 {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at.UnixMilli()
}
