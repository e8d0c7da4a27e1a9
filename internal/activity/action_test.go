package activity_test

import (
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
)

// Whoever writes a rule of alarm finds every action in the guide.
func TestActionsAreInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/activity.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range activity.Actions() {
		if !strings.Contains(string(guide), "`"+string(action)+"`") {
			t.Errorf("%s is not there", action)
		}
	}
}
