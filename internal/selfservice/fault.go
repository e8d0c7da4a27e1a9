package selfservice

import "github.com/gatehouse-iam/gatehouse/internal/fault"

// What the flows refuse with. Codes are Kratos' error ids.
var (
	errCSRF = fault.New(fault.Forbidden, "security_csrf_violation",
		"A security violation was detected, please fill out the form again.")
	errAPIFlowCookies = fault.New(fault.Invalid, "security_csrf_violation",
		"This flow is one of native apps, which send no cookies, but the request carries a Cookie header. Begin the flow at …/browser if a browser sends it, or leave the cookies out.")
	errAPIFlowOrigin = fault.New(fault.Invalid, "security_csrf_violation",
		"This flow is one of native apps, but the request carries an Origin header, so a browser's script sent it. Begin the flow at …/browser instead.")
	errFlowNotFound = fault.New(fault.NotFound, "not_found",
		"There is no such flow (any more). Begin a new one.")
	errFlowExpired = fault.New(fault.Gone, "self_service_flow_expired",
		"The flow has expired. Begin a new one.")
	errFlowReplaced = fault.New(fault.Gone, "self_service_flow_replaced",
		"The flow was completed already, or by another request at the same time. Go on with the one in use_flow_id.")
	errFlowDisabled = fault.New(fault.Invalid, "self_service_flow_disabled",
		"This is not allowed, because the operator of this server has switched it off.")
	errSignedIn = fault.New(fault.Invalid, "session_already_available",
		"A valid session was detected and thus login is not possible. Did you forget to set `?refresh=true`?")
	errNoFirstFactor = fault.New(fault.Unauthenticated, "session_aal1_required",
		"A second factor can only be asked for once somebody is signed in with a first one.")
	errRefresh = fault.New(fault.Forbidden, "session_refresh_required",
		"The login session is too old and thus not allowed to update these fields. Please re-authenticate.")
	errIdentityMismatch = fault.New(fault.Forbidden, "security_identity_mismatch",
		"The request was made for another identity and has been blocked for security reasons.")
	errMoved = fault.New(fault.Invalid, "browser_location_change_required",
		"In order to complete this flow please redirect the browser to: ")
	errBadSubmission = fault.New(fault.Invalid, "invalid_request",
		"The submission cannot be read: send a form, or a JSON object.")
	errMediaType = fault.New(fault.Unsupported, "unsupported_media_type",
		"Send the submission as application/x-www-form-urlencoded or as application/json.")
	errBadAAL = fault.New(fault.Invalid, "invalid_request",
		"The parameter aal must be aal1 or aal2.")
	errNoOAuth = fault.New(fault.Invalid, "invalid_request",
		"There is no OAuth server whose login_challenge could be answered here.")
	errNotBegun = fault.New(fault.Invalid, "flow_refused",
		"A service that has to agree refuses the flow.")
	errNoError = fault.New(fault.NotFound, "not_found",
		"There is no error of this id (any more).")
)
