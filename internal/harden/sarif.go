package harden

import (
	"encoding/json"
	"io"
	"regexp"
	"strconv"
)

// WriteSARIF writes a report in the Static Analysis Results Interchange Format 2.1.0 (OASIS), which code hosts show beside the lines
// that findings are in.
func (r Report) WriteSARIF(w io.Writer, version string) error {
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{r.sarif(version)}}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(log)
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	Properties  map[string]any    `json:"properties,omitempty"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string            `json:"id"`
	ShortDescription sarifText         `json:"shortDescription"`
	FullDescription  sarifText         `json:"fullDescription"`
	Help             sarifText         `json:"help"`
	Default          sarifRuleDefaults `json:"defaultConfiguration"`
	Properties       map[string]any    `json:"properties"`
}

type sarifRuleDefaults struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Level      string    `json:"level"`
	Message    sarifText `json:"message"`
	Descriptor sarifRef  `json:"associatedRule"`
}

type sarifRef struct {
	ID string `json:"id"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

// sarif gives the one run of a report. All checks are its rules, so that one which found nothing is known to have been there.
func (r Report) sarif(version string) sarifRun {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "gatehouse harden", Version: version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: true, Notifications: []sarifNotification{}}},
		Results:     []sarifResult{},
		Properties:  map[string]any{"subjects": r.Subjects, "profile": r.Profile, "listeners": r.Listeners},
	}
	index := map[string]int{}
	for i, c := range Checks() {
		index[c.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, c.sarif())
	}
	for _, f := range r.Findings {
		run.Results = append(run.Results, f.sarif(index[f.Check]))
	}
	for _, u := range r.Unchecked {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{
			Level: "note", Message: sarifText{u.Check + " was not checked: " + u.Why}, Descriptor: sarifRef{u.Check},
		})
	}
	return run
}

func (c Check) sarif() sarifRule {
	properties := map[string]any{"severity": c.Severity, "security-severity": scores[c.Severity], "tags": []string{"security"}}
	if c.Reference != "" {
		properties["reference"] = c.Reference
	}
	if len(c.Settings) > 0 {
		properties["settings"] = c.Settings
	}
	return sarifRule{
		ID: c.ID, ShortDescription: sarifText{c.Title}, FullDescription: sarifText{c.Why}, Help: sarifText{c.How},
		Default: sarifRuleDefaults{levels[c.Severity]}, Properties: properties,
	}
}

// levels are SARIF's words (§3.27.10); scores are on the scale of CVSS, by which code hosts sort.
var (
	levels = map[Severity]string{Critical: "error", High: "error", Medium: "warning", Low: "note", Info: "note"}
	scores = map[Severity]string{Critical: "9.5", High: "8.0", Medium: "5.5", Low: "3.0", Info: "1.0"}
)

// lineOf finds a file and a line in what a subject or a detail says.
var lineOf = regexp.MustCompile(`^([^\s:,]+\.(?:ya?ml|json))(?::(\d+))?$`)

func (f Finding) sarif(rule int) sarifResult {
	at := sarifLocation{Logical: []sarifLogical{{Name: f.Path, Kind: "member"}}}
	for _, place := range []string{f.Where, f.Subject} {
		if m := lineOf.FindStringSubmatch(place); m != nil && at.Physical == nil {
			at.Physical = &sarifPhysical{Artifact: sarifArtifact{m[1]}}
			if line, err := strconv.Atoi(m[2]); err == nil && line > 0 {
				at.Physical.Region = &sarifRegion{line}
			}
		}
	}
	result := sarifResult{
		RuleID: f.Check, RuleIndex: rule, Level: levels[f.Severity],
		Message:   sarifText{f.Title + ": " + f.Path + " " + f.Detail + ". " + f.How},
		Locations: []sarifLocation{at},
	}
	if f.Accepted != nil {
		result.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: f.Accepted.Reason}}
	}
	return result
}
