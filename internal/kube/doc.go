// Package kube makes Kubernetes resources true: for each OAuth2Client a client on a Gatehouse server, by that server's admin API, and a
// Secret with its id and secret beside the application.
//
// It owns no table: the resource says what shall be, its status what was done, and the server and the Secret what is. Each
// reconciliation reads these, asks the pure function view.next for one step, takes it, and asks again, so it can be cut off after any
// step and goes on from what it then finds:
//
//	what is found                                       step
//	no Secret, and it is to be brought by others         wait
//	no Secret, no client                                 register it under an id that the resource's uid decides; write the Secret
//	no Secret, a client: cut off, or the Secret is gone  a new secret for the same client; write the Secret
//	a Secret, no client                                  register with the Secret's id and secret
//	a client that is not as it was last told             tell it again
//	another secret in the Secret                         it is the client's; the one before stays valid for the overlap
//	a client that the resource used to be                remove it
//	a secret of ours that is old enough                  a new one; those before stay valid for the overlap
//
// Before any of these, secrets are ended whose overlap is over: that waits for nothing else to be mended.
//
// A finalizer keeps a resource until its client is removed, which nobody does when there is no controller any more: one whose own namespace
// is deleted takes it off before it ends (Clients.Depart), and where it had no occasion to, whoever removes it does (LetGo).
//
// A client belongs to the resource that its owner names, `<name>/<namespace>`: no other is changed or removed. The controller talks to
// servers that its configuration names and to no others, whatever a resource says.
package kube
