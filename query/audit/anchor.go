package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"log/syslog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// anchors copies the head of the chain to places that this log does not control. An anchor that cannot be reached
// stops nothing: the chain is whole without it, and Verify says how far it was anchored.
type anchors struct {
	cfg    Config
	now    func() time.Time
	log    *slog.Logger
	last   time.Time
	seq    int64
	failed bool
	sys    *syslog.Writer
}

// offer anchors a head if it is a new one and time for it, or at once.
func (a *anchors) offer(h Head, now bool) {
	if (a.cfg.Anchor == "" && a.cfg.Syslog == "") || h.Seq == a.seq || (!now && a.now().Sub(a.last) < a.cfg.AnchorEvery) {
		return
	}
	a.last = a.now()
	err := errors.Join(a.toFile(h), a.toSyslog(h))
	switch {
	case err != nil && !a.failed:
		a.log.Warn("the audit log cannot be anchored", "error", err)
	case err == nil && a.failed:
		a.log.Info("the audit log is anchored again")
	}
	a.failed = err != nil
	if err == nil {
		a.seq = h.Seq
	}
}

func (a *anchors) toFile(h Head) error {
	if a.cfg.Anchor == "" {
		return nil
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(a.cfg.Anchor, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

func (a *anchors) toSyslog(h Head) error {
	if a.cfg.Syslog == "" {
		return nil
	}
	if a.sys == nil {
		w, err := syslog.Dial("unixgram", a.cfg.Syslog, syslog.LOG_NOTICE|syslog.LOG_AUTHPRIV, "onegrid-audit")
		if err != nil {
			return fmt.Errorf("reaching syslog: %w", err)
		}
		a.sys = w
	}
	return a.sys.Notice(fmt.Sprintf("audit head seq=%d hash=%s time=%s", h.Seq, h.Hash, h.Time.Format(time.RFC3339Nano)))
}

func (a *anchors) close() error {
	if a.sys == nil {
		return nil
	}
	return a.sys.Close()
}
