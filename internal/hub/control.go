package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The control socket lets the operator's commands ask a running daemon, which alone may open the store (invariant 5). It is
// a Unix socket in the data directory with mode 0600: whoever may use it could read the data directory anyway.
const controlName = "control.sock"

// ErrNoDaemon means that no daemon answers on the control socket of a data directory.
var ErrNoDaemon = errors.New("no daemon answers on the control socket")

// ControlRequest asks the daemon for a backup or for a run of a source.
type ControlRequest struct {
	Backup string `json:"backup,omitempty"` // absolute path of a new file
	Sync   string `json:"sync,omitempty"`   // source to read now
}

// ControlAnswer is the daemon's answer.
type ControlAnswer struct {
	SHA256 string `json:"sha256,omitempty"`
	Error  string `json:"error,omitempty"`
}

// control serves the socket until ctx ends.
func (d *Daemon) control(ctx context.Context, ready func()) error {
	path := filepath.Join(d.hub.DataDir(), controlName)
	os.Remove(path) // left by a crash: the store's lock says that no other daemon lives
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return fmt.Errorf("opening the control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/control", d.serveControl)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { server.Shutdown(context.Background()) })
	defer stopped()
	ready()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (d *Daemon) serveControl(w http.ResponseWriter, r *http.Request) {
	var req ControlRequest
	var ans ControlAnswer
	err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&req)
	switch {
	case err != nil:
	case req.Backup != "" && !filepath.IsAbs(req.Backup):
		err = errors.New("the path of a backup must be absolute")
	case req.Backup != "":
		ans.SHA256, err = d.hub.Store.Backup(r.Context(), req.Backup)
	case req.Sync != "":
		err = d.sched.Trigger(req.Sync)
	default:
		err = errors.New("nothing was asked for")
	}
	if err != nil {
		ans.Error = d.hub.Guard.Scrub(err.Error())
		w.WriteHeader(http.StatusConflict)
	}
	json.NewEncoder(w).Encode(ans)
}

// AskDaemon sends a request to the daemon of a data directory. ErrNoDaemon means that none answers.
func AskDaemon(ctx context.Context, dataDir string, req ControlRequest) (ControlAnswer, error) {
	var ans ControlAnswer
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(dataDir, controlName))
	}}}
	defer client.CloseIdleConnections()
	b, err := json.Marshal(req)
	if err != nil {
		return ans, err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://onegrid/v1/control", bytes.NewReader(b))
	if err != nil {
		return ans, err
	}
	res, err := client.Do(post)
	if err != nil {
		return ans, fmt.Errorf("%w: %w", ErrNoDaemon, err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&ans); err != nil {
		return ans, fmt.Errorf("reading the daemon's answer: %w", err)
	}
	if ans.Error != "" {
		return ans, errors.New(ans.Error)
	}
	return ans, nil
}
