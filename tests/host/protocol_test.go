package host

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const brokenSQL = "SELECT nonsense FROM nowhere_at_all"

// Whoever the user is, and whatever a newer Grafana sends, the request is answered.
func TestUsersAndUnknownFields(t *testing.T) {
	plugin := start(t)
	unknown := protowire.AppendString(protowire.AppendTag(nil, 999, protowire.BytesType), "from the future")
	for name, change := range map[string]func(*pluginv2.QueryDataRequest){
		"role None":     func(r *pluginv2.QueryDataRequest) { r.PluginContext.User.Role = "None" },
		"role empty":    func(r *pluginv2.QueryDataRequest) { r.PluginContext.User.Role = "" },
		"role invented": func(r *pluginv2.QueryDataRequest) { r.PluginContext.User.Role = "Overlord" },
		"no user":       func(r *pluginv2.QueryDataRequest) { r.PluginContext.User = nil },
		"no config":     func(r *pluginv2.QueryDataRequest) { r.PluginContext.GrafanaConfig = nil },
		"unknown fields": func(r *pluginv2.QueryDataRequest) {
			r.ProtoReflect().SetUnknown(unknown)
			r.PluginContext.ProtoReflect().SetUnknown(unknown)
			r.PluginContext.DataSourceInstanceSettings.ProtoReflect().SetUnknown(unknown)
			r.Queries[0].ProtoReflect().SetUnknown(unknown)
		},
		"unknown model keys": func(r *pluginv2.QueryDataRequest) {
			r.Queries[0] = query("A", "SELECT 1 AS n", map[string]any{"dataset": "x", "sql": map[string]any{"limit": 5}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := &pluginv2.QueryDataRequest{
				PluginContext: pluginContext(settings(t)),
				Headers:       map[string]string{"FromAlert": "true"},
				Queries:       []*pluginv2.DataQuery{query("A", "SELECT 1 AS n", nil)},
			}
			change(request)
			if response := plugin.askRequest(t, request)["A"]; response.Error != nil {
				t.Error(response.Error)
			}
		})
	}
}

// Broken settings are each query's own error, not the request's.
func TestBrokenSettings(t *testing.T) {
	plugin := start(t)
	missing := pluginContext("{}")
	missing.DataSourceInstanceSettings = nil
	for name, pc := range map[string]*pluginv2.PluginContext{
		"not JSON":         pluginContext(`{"path": `),
		"empty":            pluginContext(``),
		"a list":           pluginContext(`[]`),
		"wrong type":       pluginContext(`{"path": 5}`),
		"no path":          pluginContext(`{}`),
		"no datasource":    missing,
		"no context":       nil,
		"no such folder":   pluginContext(`{"path": "/nonexistent/folder"}`),
		"negative timeout": pluginContext(`{"path": "/tmp", "timeoutSeconds": -1}`),
	} {
		t.Run(name, func(t *testing.T) {
			responses := plugin.ask(t, pc, query("A", "SELECT 1", nil), query("B", "SELECT 2", nil))
			for _, refID := range []string{"A", "B"} {
				response, ok := responses[refID]
				if !ok || response.Error == nil {
					t.Fatalf("%s has no error of its own", refID)
				}
				if response.ErrorSource != backend.ErrorSourceDownstream {
					t.Errorf("%s: the source is %q", refID, response.ErrorSource)
				}
			}
		})
	}
}

// One failing query leaves the others alone, says whose fault it is, and still shows what was sent.
func TestErrorsAreOfOneQuery(t *testing.T) {
	plugin := start(t)
	late := query("C", "SELECT 3 AS n", nil)
	late.TimeRange = &pluginv2.TimeRange{FromEpochMS: 0, ToEpochMS: 1 << 62}
	garbled := query("D", "", nil)
	garbled.Json = []byte(`{"rawSql": `)
	responses := plugin.ask(t, pluginContext(settings(t)),
		query("A", "SELECT 1 AS n", nil), query("B", brokenSQL, nil), late, garbled)
	if response := responses["A"]; response.Error != nil || response.Status != backend.StatusOK {
		t.Errorf("A: %d %v", response.Status, response.Error)
	}
	for _, refID := range []string{"B", "C", "D"} {
		response := responses[refID]
		if response.Error == nil || response.Status != backend.StatusBadRequest {
			t.Errorf("%s: %d %v", refID, response.Status, response.Error)
		}
		if response.ErrorSource != backend.ErrorSourceDownstream {
			t.Errorf("%s: the source is %q", refID, response.ErrorSource)
		}
	}
	frames := responses["B"].Frames
	if len(frames) != 1 || frames[0].Meta == nil || !strings.Contains(frames[0].Meta.ExecutedQueryString, brokenSQL) {
		t.Errorf("the failed query does not show what was sent: %+v", frames)
	}
}

// Grafana's own row limit cuts a result, and a notice says so.
func TestRowLimitOfGrafana(t *testing.T) {
	plugin := start(t)
	for _, test := range []struct {
		limit string
		rows  int
	}{{"2", 2}, {"5", 5}, {"many", 0}} {
		pc := pluginContext(settings(t))
		pc.GrafanaConfig["GF_SQL_ROW_LIMIT"] = test.limit
		response := plugin.ask(t, pc, query("A", "SELECT range AS n FROM range(9)", nil))["A"]
		if response.Error != nil {
			t.Fatal(response.Error)
		}
		frame := response.Frames[0]
		if test.rows == 0 {
			continue // not a number: the datasource's own limit holds
		}
		if frame.Rows() != test.rows || len(frame.Meta.Notices) != 1 {
			t.Errorf("limit %s: %d rows, notices %v", test.limit, frame.Rows(), frame.Meta.Notices)
		}
	}
}

// Without an interval from Grafana (variable queries, bare API calls) it is the range over the panel's points.
func TestIntervalIsDerived(t *testing.T) {
	plugin := start(t)
	for _, test := range []struct {
		interval, points int64
		want             string
	}{{0, 10, "30s"}, {0, 0, "3s"}, {60_000, 10, "1m"}} {
		asked := query("A", "SELECT '$__interval' AS text", nil)
		asked.IntervalMS, asked.MaxDataPoints = test.interval, test.points
		asked.TimeRange = &pluginv2.TimeRange{FromEpochMS: 1_772_359_200_000, ToEpochMS: 1_772_359_500_000}
		response := plugin.ask(t, pluginContext(settings(t)), asked)["A"]
		if response.Error != nil {
			t.Fatal(response.Error)
		}
		if got := *response.Frames[0].At(0, 0).(*string); got != test.want {
			t.Errorf("interval %d ms, %d points: %s, not %s", test.interval, test.points, got, test.want)
		}
	}
}

// Fifty queries of one request are answered, each with its own result.
func TestManyQueriesAtOnce(t *testing.T) {
	plugin := start(t)
	var queries []*pluginv2.DataQuery
	for index := range 50 {
		queries = append(queries, query(string(rune('A'+index%26))+strings.Repeat("x", index/26), "SELECT 1 AS n", nil))
	}
	responses := plugin.ask(t, pluginContext(settings(t)), queries...)
	if len(responses) != len(queries) {
		t.Errorf("%d answers to %d queries", len(responses), len(queries))
	}
	for refID, response := range responses {
		if response.Error != nil {
			t.Errorf("%s: %v", refID, response.Error)
		}
	}
}

func TestHealth(t *testing.T) {
	plugin := start(t)
	for name, test := range map[string]struct {
		settings any
		want     backend.HealthStatus
	}{
		"reports":  {settings(t), backend.HealthStatusOk},
		"no path":  {"{}", backend.HealthStatusError},
		"not JSON": {"{", backend.HealthStatusError},
	} {
		t.Run(name, func(t *testing.T) {
			proto, err := plugin.diagnostics.CheckHealth(context.Background(),
				&pluginv2.CheckHealthRequest{PluginContext: pluginContext(test.settings)})
			if err != nil {
				t.Fatal(err)
			}
			health := backend.FromProto().CheckHealthResponse(proto)
			if health.Status != test.want || health.Message == "" {
				t.Errorf("%v: %s", health.Status, health.Message)
			}
			var details map[string]any
			if len(health.JSONDetails) > 0 && json.Unmarshal(health.JSONDetails, &details) != nil {
				t.Errorf("the details are not an object: %s", health.JSONDetails)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	plugin := start(t)
	// Grafana sends nothing but the plugin's id.
	response, err := plugin.diagnostics.CollectMetrics(context.Background(), &pluginv2.CollectMetricsRequest{
		PluginContext: &pluginv2.PluginContext{PluginId: "duckdb-perf-datasource"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := string(backend.FromProto().CollectMetricsResponse(response).PrometheusMetrics)
	if !strings.Contains(text, "# TYPE duckdb_perf_") {
		t.Errorf("no metrics of ours in %q", text)
	}
}

// A resource call is an HTTP request: errors are statuses, and the body comes whole.
func TestResource(t *testing.T) {
	plugin := start(t)
	for name, test := range map[string]struct {
		url    string
		status int
	}{
		"macros":        {"macros", 200},
		"no such route": {"no/such/route?x=1", 404},
	} {
		t.Run(name, func(t *testing.T) {
			code, body := plugin.callResource(t, &pluginv2.CallResourceRequest{
				PluginContext: pluginContext(settings(t)), Method: "GET", Path: test.url, Url: test.url,
				Headers: map[string]*pluginv2.StringList{"Accept": {Values: []string{"application/json"}}},
			})
			if code != test.status {
				t.Errorf("status %d: %s", code, body)
			}
		})
	}
}

// Bodies above gRPC's default of 4 MiB arrive; what they are worth is the router's business. Those above 8 MiB do not,
// whoever sends them, and the next call is answered as ever.
func TestLargeResourceBody(t *testing.T) {
	plugin := start(t)
	post := func(size int) *pluginv2.CallResourceRequest {
		return &pluginv2.CallResourceRequest{
			PluginContext: pluginContext(settings(t)), Method: "POST", Path: "no/such/route", Url: "no/such/route",
			Body: make([]byte, size),
		}
	}
	if code, _ := plugin.callResource(t, post(6<<20)); code < 400 || code > 499 {
		t.Errorf("status %d", code)
	}
	stream, err := plugin.resource.CallResource(context.Background(), post(32<<20))
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.OutOfRange {
		t.Errorf("a body of 32 MiB: %v", err)
	}
	if code, _ := plugin.callResource(t, post(1)); code < 400 || code > 499 {
		t.Errorf("status %d after a body that was refused", code)
	}
}

func (h *host) callResource(t *testing.T, request *pluginv2.CallResourceRequest) (int, []byte) {
	t.Helper()
	stream, err := h.resource.CallResource(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	code, body := 0, []byte(nil)
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return code, body
		}
		if err != nil {
			t.Fatal(err)
		}
		if code == 0 {
			code = int(piece.Code)
		}
		body = append(body, piece.Body...)
	}
}

// A cancelled request returns at once, and its query stops burning time.
func TestCancelEndsTheQuery(t *testing.T) {
	exe := ownExecutable(t)
	plugin, err := launch(exe, "TMPDIR="+shortTempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plugin.client.Kill)
	pc := pluginContext(settings(t))
	plugin.ask(t, pc, query("A", "SELECT 1 AS n", nil))

	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(500*time.Millisecond, cancel)
	_, err = plugin.data.QueryData(ctx, &pluginv2.QueryDataRequest{
		PluginContext: pc,
		Queries:       []*pluginv2.DataQuery{query("A", "SELECT sum(hash(range)) AS n FROM range(1000000000000)", nil)},
	}, grpc.WaitForReady(true))
	if status.Code(err) != codes.Canceled {
		t.Fatalf("the query ended before it was cancelled: %v", err)
	}
	waitFor(t, "the query goes on after its request was cancelled", func() bool {
		before := cpuTicks(exe)
		time.Sleep(300 * time.Millisecond)
		return cpuTicks(exe)-before <= 5
	})
	if response := plugin.ask(t, pc, query("A", "SELECT 1 AS n", nil))["A"]; response.Error != nil {
		t.Error(response.Error)
	}
}

// go-plugin's way to ask whether the plugin serves.
func TestHealthService(t *testing.T) {
	plugin := start(t)
	protocol, err := plugin.client.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := protocol.Ping(); err != nil {
		t.Error(err)
	}
}
