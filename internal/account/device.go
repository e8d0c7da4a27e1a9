package account

import "strings"

// device says in words what a browser calls itself: "Firefox", "Linux". Either is "" where it is not known.
func device(userAgent string) (browser, system string) {
	return first(userAgent, browsers[:]), first(userAgent, systems[:])
}

type mark struct{ sign, name string }

// browsers in the order in which their signs tell: most claim to be others too.
var browsers = [...]mark{
	{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"YaBrowser/", "Yandex"},
	{"DuckDuckGo/", "DuckDuckGo"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chromium/", "Chromium"},
	{"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"}, {"curl/", "curl"}, {"okhttp/", "Android"}, {"Dart/", "App"},
	{"Go-http-client/", "Go"}, {"python-requests/", "Python"},
}

var systems = [...]mark{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"},
	{"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"}, {"FreeBSD", "FreeBSD"},
}

func first(s string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(s, m.sign) {
			return m.name
		}
	}
	return ""
}
