// Check a Grafana dashboard on standard input against the types of Grafana's own SDK.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	text, err := io.ReadAll(os.Stdin)
	board := dashboard.Dashboard{}
	if err == nil {
		err = board.UnmarshalJSONStrict(text)
	}
	if err == nil || err.Error() == "" {
		err = board.Validate()
	}
	if err != nil && err.Error() != "" { // the SDK returns an empty list of errors
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
