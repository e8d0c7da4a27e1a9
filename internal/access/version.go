package access

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// migratedVersion is the version that a rule has after it was brought up to date: the first of Oathkeeper's that reads rules
// as we do.
const migratedVersion = "v0.38.0"

var (
	semantic     = regexp.MustCompile(`^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	dollarNumber = regexp.MustCompile(`\$(\d+)`)
)

// version is one of Oathkeeper's; a version with a suffix such as -beta.1 comes before the same without.
type version struct {
	numbers [3]int
	pre     string
}

func parseVersion(text string) (version, error) {
	m := semantic.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("%q is not a version of Oathkeeper, such as v0.36.0-beta.4; leave it out for rules that are written now", text)
	}
	var v version
	for i := range v.numbers {
		v.numbers[i], _ = strconv.Atoi(m[i+1])
	}
	v.pre = strings.TrimPrefix(m[4], "-")
	return v, nil
}

// upTo reports whether the version is w or comes before it. Where both only differ in their suffixes, they are compared as
// text, which is right for beta.1 to beta.9.
func (v version) upTo(w version) bool {
	for i := range v.numbers {
		if v.numbers[i] != w.numbers[i] {
			return v.numbers[i] < w.numbers[i]
		}
	}
	return w.pre == "" || v.pre != "" && v.pre <= w.pre
}

// migrate brings a rule of an older version of the format up to date, as Oathkeeper does:
//
//	up to 0.32.0-beta.1   the mutator hydrator counted retries: number_of_retries and delay_in_milliseconds are now
//	                      give_up_after and max_delay
//	up to 0.37.0          the authorizer keto_engine_acp_ory had $1 for the first capture group; it is a template now
func migrate(rule map[string]any) error {
	text, _ := rule["version"].(string)
	if text == "" {
		return nil
	}
	v, err := parseVersion(text)
	if err != nil {
		return err
	}
	if v.upTo(version{[3]int{0, 32, 0}, "beta.1"}) {
		mutators, _ := rule["mutators"].([]any)
		for _, m := range mutators {
			if retry := configOf(m, "hydrator", "retry"); retry != nil {
				migrateRetry(retry)
			}
		}
	}
	if v.upTo(version{numbers: [3]int{0, 37, 0}}) {
		if config := configOf(rule["authorizer"], "keto_engine_acp_ory"); config != nil {
			for _, key := range []string{"required_action", "required_resource"} {
				if pattern, ok := config[key].(string); ok {
					config[key] = dollarNumber.ReplaceAllStringFunc(pattern, captureTemplate)
				}
			}
		}
		rule["version"] = migratedVersion
	}
	return nil
}

// captureTemplate writes $1 as a template. $0, which Oathkeeper turns into an element before the first, is empty.
func captureTemplate(dollar string) string {
	n, err := strconv.Atoi(dollar[1:])
	if err != nil || n == 0 {
		return ""
	}
	return fmt.Sprintf("{{ printIndex .MatchContext.RegexpCaptureGroups %d }}", n-1)
}

// configOf gives the settings of a handler of the name, or the group at a path in them; nil where there is none.
func configOf(handler any, name string, path ...string) map[string]any {
	h, _ := handler.(map[string]any)
	if h == nil || h["handler"] != name {
		return nil
	}
	config, _ := h["config"].(map[string]any)
	for _, key := range path {
		config, _ = config[key].(map[string]any)
	}
	return config
}

func migrateRetry(retry map[string]any) {
	delay, retries := int64(100), int64(0)
	if n, ok := number(retry["delay_in_milliseconds"]); ok {
		delay = n
		retry["max_delay"] = fmt.Sprintf("%dms", n)
		delete(retry, "delay_in_milliseconds")
	}
	if n, ok := number(retry["number_of_retries"]); ok {
		retries = n
		retry["give_up_after"] = fmt.Sprintf("%dms", retries*delay)
		delete(retry, "number_of_retries")
	}
}

// number reads what a tree has for a whole number.
func number(value any) (int64, bool) {
	n, ok := value.(interface{ Int64() (int64, error) })
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}
