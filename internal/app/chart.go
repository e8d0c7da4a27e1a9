package app

import (
	"encoding/json"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/chart"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

// ChartSource is a file of another chart's values.
type ChartSource = chart.Source

// ChartKinds are the charts whose values ChartValues reads.
func ChartKinds() []string { return chart.Kinds() }

// ChartValues makes values of deploy/chart/gatehouse of those of other charts. kind is what all files are, "" to have it found out. What
// the server would refuse in its configuration is told, and not carried over.
func ChartValues(sources []ChartSource, kind string) (chart.Values, error) {
	var schema map[string]any
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		return chart.Values{}, fmt.Errorf("the schema of the configuration: %w", err)
	}
	c, err := chart.Convert(sources, kind, schema)
	if err != nil {
		return chart.Values{}, err
	}
	for again := true; again; {
		content, err := json.Marshal(c.Config())
		if err != nil {
			return chart.Values{}, fmt.Errorf("the configuration: %w", err)
		}
		again = false
		cfg, faults := config.DraftOf("config", content, c.Profile())
		for _, f := range append(faults, cfg.Critical(now(), faults)...) {
			again = c.Refuse(f.Path, "the server refuses it: "+f.Message) || again
		}
	}
	return c.Values(), nil
}
