package host

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// The longest table in a golden file, in rows.
const maxGoldenRows = 40

// TestCases runs tests/cases/NAME.sql through the plugin and compares what Grafana gets with NAME.golden.
// The cases share one request: they must not disturb each other.
func TestCases(t *testing.T) {
	root := fixtures(t)
	files, err := filepath.Glob("../cases/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in tests/cases (%v)", err)
	}
	// One request for each datasource, that is, for each folder and settings.
	requests := map[string]*pluginv2.QueryDataRequest{}
	cases := map[string]testCase{}
	for _, file := range files {
		parsed, err := readCase(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases[parsed.name] = parsed
		parsed.settings["path"] = filepath.Join(root, parsed.path)
		datasource := jsonText(t, parsed.settings)
		request := requests[datasource]
		if request == nil {
			pc := pluginContext(datasource)
			pc.DataSourceInstanceSettings.Uid = fmt.Sprintf("cases-%d", len(requests))
			request = &pluginv2.QueryDataRequest{PluginContext: pc}
			requests[datasource] = request
		}
		request.Queries = append(request.Queries, parsed.query())
	}
	plugin := start(t)
	for _, request := range requests {
		responses := plugin.askRequest(t, request)
		for _, query := range request.Queries {
			parsed := cases[query.RefId]
			t.Run(parsed.name, func(t *testing.T) {
				response, ok := responses[parsed.name]
				if !ok {
					t.Fatal("no answer")
				}
				parsed.checkError(t, response)
				got := strings.ReplaceAll(describe(t, response), root, "<fixtures>")
				compareGolden(t, strings.TrimSuffix(parsed.file, ".sql")+".golden", got)
			})
		}
	}
}

// testCase is a file of tests/cases: leading comments, among them `-- key: value`, then the SQL. tests/it reads
// the same files.
type testCase struct {
	name, file, sql, format, from, to, path, wantError string
	variables, settings                                map[string]any
}

func readCase(file string) (testCase, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return testCase{}, err
	}
	parsed := testCase{
		name: strings.TrimSuffix(filepath.Base(file), ".sql"), file: file,
		format: "table", from: defaultFrom, to: defaultTo, path: "reports",
		variables: map[string]any{}, settings: map[string]any{},
	}
	lines := strings.Split(string(text), "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "--") {
		key, value, _ := strings.Cut(strings.TrimPrefix(lines[0], "-- "), ": ")
		lines = lines[1:]
		switch key {
		case "format":
			parsed.format = value
		case "from":
			parsed.from = value
		case "to":
			parsed.to = value
		case "path":
			parsed.path = value
		case "error":
			parsed.wantError = value
		case "setting":
			name, text, _ := strings.Cut(value, "=")
			parsed.settings[name] = text
		case "var":
			name, list, _ := strings.Cut(value, "=")
			if values := strings.Split(list, "|"); len(values) > 1 {
				parsed.variables[name] = values
			} else {
				parsed.variables[name] = list
			}
		}
	}
	parsed.sql = strings.TrimRight(strings.Join(lines, "\n"), "\n")
	return parsed, nil
}

func (c testCase) query() *pluginv2.DataQuery {
	extra := map[string]any{"format": c.format}
	if len(c.variables) > 0 {
		extra["variables"] = c.variables
	}
	built := query(c.name, c.sql, extra)
	built.TimeRange = &pluginv2.TimeRange{FromEpochMS: millis(c.from), ToEpochMS: millis(c.to)}
	return built
}

func (c testCase) checkError(t *testing.T, response backend.DataResponse) {
	t.Helper()
	switch {
	case c.wantError == "" && response.Error != nil:
		t.Errorf("failed: %v", response.Error)
	case c.wantError != "" && response.Error == nil:
		t.Errorf("succeeded, and should fail with %q", c.wantError)
	case c.wantError != "" && !strings.Contains(response.Error.Error(), c.wantError):
		t.Errorf("failed with %q, and should with %q", response.Error, c.wantError)
	}
}

// describe writes down all that Grafana gets to know from a response.
func describe(t *testing.T, response backend.DataResponse) string {
	t.Helper()
	var out strings.Builder
	if response.Error != nil {
		fmt.Fprintf(&out, "error (%d, %s): %v\n", response.Status, response.ErrorSource, response.Error)
	}
	for index, frame := range response.Frames {
		fmt.Fprintf(&out, "frame %d\n", index+1)
		describeMeta(t, &out, frame.Meta)
		for _, field := range frame.Fields {
			if field.Config != nil {
				fmt.Fprintf(&out, "config of %q%s: %s\n", field.Name, labels(field), jsonText(t, field.Config))
			}
		}
		if len(frame.Fields) == 0 {
			out.WriteString("no fields\n")
			continue
		}
		table, err := frame.StringTable(-1, maxGoldenRows)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(table)
	}
	return out.String()
}

func describeMeta(t *testing.T, out *strings.Builder, meta *data.FrameMeta) {
	t.Helper()
	if meta == nil {
		return
	}
	if meta.Type != "" {
		fmt.Fprintf(out, "type: %s %v\n", meta.Type, meta.TypeVersion)
	}
	if meta.PreferredVisualization != "" {
		fmt.Fprintf(out, "preferred visualisation: %s\n", meta.PreferredVisualization)
	}
	if meta.Custom != nil {
		fmt.Fprintf(out, "custom: %s\n", jsonText(t, meta.Custom))
	}
	for _, notice := range meta.Notices {
		severity, err := notice.Severity.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "notice %s: %s\n", strings.Trim(string(severity), `"`), notice.Text)
	}
	for _, line := range strings.Split(meta.ExecutedQueryString, "\n") {
		fmt.Fprintf(out, "> %s\n", strings.TrimRight(line, " \t"))
	}
}

func labels(field *data.Field) string {
	if len(field.Labels) == 0 {
		return ""
	}
	return "{" + field.Labels.String() + "}"
}

func jsonText(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run with UPDATE_GOLDEN=1 and read what it writes", err)
	}
	if string(want) != got {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 rewrites it)\n--- want\n%s--- got\n%s", filepath.Base(file), want, got)
	}
}
