package browser

import (
	"github.com/chromedp/cdproto/input"
)

// key presses and releases a key; commands are what an editor does with it.
func (p *person) key(key string, commands ...string) {
	p.t.Helper()
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, Commands: commands}
	switch key {
	case "Tab":
		down.Code, down.WindowsVirtualKeyCode = "Tab", 9
	case "Enter":
		down.Type, down.Code, down.WindowsVirtualKeyCode, down.Text = input.DispatchKeyEventTypeKeyDown, "Enter", 13, "\r"
	case " ":
		down.Type, down.Code, down.WindowsVirtualKeyCode, down.Text = input.DispatchKeyEventTypeKeyDown, "Space", 32, " "
	}
	call(p, input.DispatchKeyEvent, down)
	up := down
	up.Type, up.Text, up.Commands = input.DispatchKeyEventTypeKeyUp, "", nil
	call(p, input.DispatchKeyEvent, up)
}
