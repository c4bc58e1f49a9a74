package gatewaytest

import "net/http"

// reply is an answer to a call. The zero value leaves the call to the test's own handler.
type reply struct {
	status int
	body   any // nil: there is none
}

func ok(body any) reply { return reply{http.StatusOK, body} }

// refuse is an error of the API.
//
// Source: topics/opcodes-and-status-codes#json
func refuse(status, code int, message string) reply {
	return reply{status, object{"message": message, "code": code}}
}

var (
	noContent          = reply{status: http.StatusNoContent}
	unauthorized       = refuse(http.StatusUnauthorized, 0, "401: Unauthorized")
	notFound           = refuse(http.StatusNotFound, 0, "404: Not Found")
	methodNotAllowed   = refuse(http.StatusMethodNotAllowed, 0, "405: Method Not Allowed")
	unknownApplication = refuse(http.StatusNotFound, 10002, "Unknown Application")
	unknownChannel     = refuse(http.StatusNotFound, 10003, "Unknown Channel")
	unknownGuild       = refuse(http.StatusNotFound, 10004, "Unknown Guild")
	unknownMember      = refuse(http.StatusNotFound, 10007, "Unknown Member")
	unknownMessage     = refuse(http.StatusNotFound, 10008, "Unknown Message")
	unknownUser        = refuse(http.StatusNotFound, 10013, "Unknown User")
	unknownWebhook     = refuse(http.StatusNotFound, 10015, "Unknown Webhook")
	unknownInteraction = refuse(http.StatusNotFound, 10062, "Unknown interaction")
	unknownCommand     = refuse(http.StatusNotFound, 10063, "Unknown application command")
	tooLarge           = refuse(http.StatusRequestEntityTooLarge, 40005, "Request entity too large")
	acknowledged       = refuse(http.StatusBadRequest, 40060, "Interaction has already been acknowledged.")
	missingAccess      = refuse(http.StatusForbidden, 50001, "Missing Access")
	othersMessage      = refuse(http.StatusForbidden, 50005, "Cannot edit a message authored by another user")
	emptyMessage       = refuse(http.StatusBadRequest, 50006, "Cannot send an empty message")
	notTextChannel     = refuse(http.StatusBadRequest, 50008, "Cannot send messages in a non-text channel")
	invalidToken       = refuse(http.StatusUnauthorized, 50027, "Invalid Webhook Token")
	invalidJSON        = refuse(http.StatusBadRequest, 50109, "The request body contains invalid JSON.")
)

// invalidForm refuses a field of a body, a query or a path.
//
// Source: reference#error-messages
func invalidForm(field, code, message string) reply {
	return reply{http.StatusBadRequest, object{
		"message": "Invalid Form Body", "code": 50035,
		"errors": object{field: object{"_errors": []any{object{"code": code, "message": message}}}},
	}}
}
