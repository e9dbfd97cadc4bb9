// Command pingr answers a business's WhatsApp messages with login links. See
// pingr --help, or run pingr demo to watch a login on this machine alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
)

// Exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes: data to out, messages to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// run is the program; it returns the exit code.
func run(ctx context.Context, args []string, std streams) int {
	a := &app{streams: std}
	root := a.root()
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	var wrong usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong) || !a.began:
		fmt.Fprintf(std.err, "pingr: %v\n", err)
		fmt.Fprintf(std.err, "Usage: %s (see %s --help)\n", called.UseLine(), called.CommandPath())
		return exitUsage
	case errors.Is(err, errSaid):
		return exitFailed
	default:
		fmt.Fprintf(std.err, "pingr: %v%s\n", err, whatHelpsAgainst(err))
		return exitFailed
	}
}

// errSaid ends a command that failed and has already said why.
var errSaid = errors.New("failed")

// A usageError means that the program was called with wrong arguments. It ends
// with 2.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// An app is one run of the program: its streams, and the configuration once it
// is read.
type app struct {
	streams
	flags  globals
	config config
	// began is set once the arguments were understood.
	began bool
	// now returns serve's time. Defaults to time.Now.
	now func() time.Time
}

// globals are the flags that select a command's configuration.
type globals struct {
	config, data, database, log, plans string
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "pingr",
		Short: "Log people in by WhatsApp: they text first and get a link back",
		Long: "Pingr makes WhatsApp the login button: somebody texts a phrase to your number,\n" +
			"Pingr asks your backend what to answer, and sends the answer (a login link) back.\n\n" +
			"Flags override PINGR_… environment variables, which override the file given by\n" +
			"--config (KEY=VALUE lines with the same PINGR_… names).",
		Example: "  pingr demo            # watch a login happen, all on this machine\n  pingr link            # link " +
			"a WhatsApp number by QR code",
		Version:       pingr.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("pingr {{.Version}}\n")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.config, "config", "", "file with PINGR_… settings (PINGR_CONFIG)")
	flags.StringVar(&a.flags.log, "log", "",
		"log level on stderr: debug, info, warn, error, off (PINGR_LOG; default warn)")
	root.AddCommand(
		a.demoCommand(), a.verifyCommand(), a.versionCommand(), a.healthCommand(),
		a.sessionCommand(), a.triggerCommand(), a.webhookCommand(), a.deliveriesCommand(), a.usageCommand(),
		a.loginCommand(), a.logoutCommand(), a.signUpCommand(), a.passwordCommand(), a.whoAmICommand(), a.simulateCommand(),
		a.sendCommand(), a.resolveCommand(), a.matchCommand(), a.settingsCommand(), a.statsCommand(), a.eventsCommand(),
	)
	for _, c := range []*cobra.Command{
		a.linkCommand(), a.serveCommand(), a.accountCommand(), a.keyCommand(), a.backupCommand(), a.repairCommand(),
		a.doctorCommand(),
	} {
		flags := c.PersistentFlags()
		flags.StringVar(&a.flags.data, "data", "", "data directory (PINGR_DATA; default "+defaultData+")")
		flags.StringVar(&a.flags.database, "database", "",
			"PostgreSQL database, postgres://… (PINGR_DATABASE; default SQLite in the data directory)")
		root.AddCommand(c)
	}
	explain(root)
	return root
}

// command makes a cobra command whose run starts with the configuration read.
func (a *app) command(c cobra.Command, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		a.began = true
		config, err := readConfig(a.flags, os.Environ())
		if err != nil {
			return err
		}
		a.config = config
		return run(cmd, args)
	}
	if c.Args == nil {
		c.Args = cobra.NoArgs
	}
	return &c
}

// explain gives each of cobra's own commands an example, like the others.
func explain(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Example = "  pingr help demo"
		case "completion":
			c.Example = "  source <(pingr completion bash)"
			for _, shell := range c.Commands() {
				shell.Example = "  pingr completion " + shell.Name() + " > pingr." + shell.Name()
			}
		}
	}
}
