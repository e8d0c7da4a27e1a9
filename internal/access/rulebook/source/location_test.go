package source

import (
	"strings"
	"testing"
)

func TestLocations(t *testing.T) {
	for uri, want := range map[string]Location{
		"file:///etc/rules.json":             {Kind: KindFile, Name: "file:///etc/rules.json", path: "/etc/rules.json"},
		"file://path/to/rules.json":          {Kind: KindFile, Name: "file://path/to/rules.json", path: "path/to/rules.json"},
		"inline://W10=":                      {Kind: KindInline, Name: "inline://", text: []byte("[]")},
		"inline://W10":                       {Kind: KindInline, Name: "inline://", text: []byte("[]")},
		"https://example.com/r.json?key=xyz": {Kind: KindHTTP, Name: "https://example.com/r.json", url: "https://example.com/r.json?key=xyz"},
		"s3://rules/a/b.json":                {Kind: KindS3, Name: "s3://rules/a/b.json", s3: bucket{name: "rules", key: "a/b.json", endpoint: defaultEndpoint}},
		"s3://rules/b.json?endpoint=minio.example.com:9000&region=eu-1&disableSSL=true&s3ForcePathStyle=true": {Kind: KindS3, Name: "s3://rules/b.json",
			s3: bucket{name: "rules", key: "b.json", region: "eu-1", endpoint: "minio.example.com:9000", insecure: true, pathStyle: true}},
		"s3://rules/b.json?endpoint=http://minio:9000": {Kind: KindS3, Name: "s3://rules/b.json",
			s3: bucket{name: "rules", key: "b.json", endpoint: "minio:9000", insecure: true}},
	} {
		got, err := Locate(uri)
		if err != nil || got.Kind != want.Kind || got.Name != want.Name || got.path != want.path || string(got.text) != string(want.text) || got.url != want.url || got.s3 != want.s3 {
			t.Errorf("%s is %+v, %v; want %+v", uri, got, err, want)
		}
	}
	for _, uri := range []string{
		"", "rules.json", "file://", "inline://", "inline://***", "ftp://example.com/", "https://", "https://user:pw@example.com/r", "s3://bucket",
		"s3://bucket/", "s3:///key", "s3://bucket/key?secret=1", "s3://bucket/key?endpoint=a/b", "s3://bucket/key?disableSSL=perhaps", "gs://bucket/key", "s3://b/k?%zz",
	} {
		if got, err := Locate(uri); err == nil {
			t.Errorf("%q is taken for %+v", uri, got)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: the error repeats a secret: %v", uri, err)
		}
	}
}

func FuzzLocation(f *testing.F) {
	for _, uri := range []string{"file:///a", "inline://W10", "https://example.com/a?b", "s3://b/k?endpoint=e&region=r", "s3://b/k?disable_https=1"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		at, err := Locate(uri)
		if err != nil {
			return
		}
		switch at.Kind {
		case KindFile:
			if at.path == "" {
				t.Error("no path")
			}
		case KindInline:
			if len(at.text) == 0 || strings.Contains(at.Name, uri) && uri != at.Name {
				t.Errorf("%+v", at)
			}
		case KindHTTP:
			if strings.Contains(at.Name, "?") {
				t.Errorf("the name %q shows the query", at.Name)
			}
		case KindS3:
			if at.s3.name == "" || at.s3.key == "" || at.s3.endpoint == "" {
				t.Errorf("%+v", at.s3)
			}
		default:
			t.Errorf("kind %q", at.Kind)
		}
	})
}

func TestNoRulesAreAnEmptyList(t *testing.T) {
	for text, ok := range map[string]bool{
		"[]": true, " [ ]\n": true, "# none\n---\n[]": true, "": false, "\n": false, "# rules of the shop\n": false, "null": false, "---\n": false, "~": false,
	} {
		if rules, err := Parse([]byte(text), "x"); (err == nil) != ok || len(rules) != 0 {
			t.Errorf("%q: %d rules, %v", text, len(rules), err)
		}
	}
}
