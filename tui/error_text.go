package tui

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/text"
)

// errorText returns an error as text that fits into one line of the screen.
func errorText(err error) string {
	refused := refusalOf(err)
	stream, ofStream := errors.AsType[*sse.RefusedError](err)
	network, ofNetwork := errors.AsType[*net.OpError](err)
	switch {
	case err == nil:
		return ""
	case refused != nil:
		return answerText(refused.Message, refused.Status)
	case ofStream:
		return answerText(stream.Message, stream.Status)
	case client.Unreached(err) && ofNetwork && network.Addr != nil:
		return "nobody answers at " + text.CleanCells(network.Addr.String()) + ": is it running?"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke"
	case errors.Is(err, io.EOF):
		return "the server ended the stream"
	}
	return text.CleanCells(client.Explain(err).Error())
}

func answerText(message string, status int) string {
	if message == "" {
		return fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
	}
	return text.CleanCells(message)
}

func refusalOf(err error) *client.RefusalError {
	r, _ := errors.AsType[*client.RefusalError](err)
	return r
}
