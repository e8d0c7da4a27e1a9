package chart

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// The alerts that Prometheus' operator gets are those of the file that test/alerts reads.
func TestAlertsAreTheShippedOnes(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(repository, "deploy/prometheus/gatehouse.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r := mustRender(t, read(t, "profile: development\nmetrics: {prometheusRule: {enabled: true}}"))
	o := r.find("PrometheusRule", release)
	if o == nil {
		t.Fatal("there is none")
	}
	if want := read(t, string(content)); !reflect.DeepEqual(o.at("spec"), any(want)) {
		t.Errorf("it has\n%v\nand not\n%v", o.at("spec"), want)
	}
}
