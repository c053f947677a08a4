package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/emoji"
)

func newCompletion(io streams) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Write what lets a shell complete commands, flags and their values",
		Long: `Completion writes a script for a shell. Put the line below into the file that the
shell reads when it starts: ~/.bashrc (with bash's package bash-completion),
~/.zshrc (after compinit), config.fish or $PROFILE.`,
		Example: `  source <(emostream completion bash)
  source <(emostream completion zsh)
  emostream completion fish | source
  emostream completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(io.out, true)
			case "zsh":
				return root.GenZshCompletion(io.out)
			case "fish":
				return root.GenFishCompletion(io.out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(io.out)
			}
		},
	}
}

// completeValues registers completion for the values of all flags of a command and its
// subcommands, and for their arguments. It chooses by the name of a flag, so that new
// commands have completion without further work.
func completeValues(cmd *cobra.Command) {
	complete := func(f *pflag.Flag) {
		if _, ok := cmd.GetFlagCompletionFunc(f.Name); ok {
			return
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, valuesOf(f)) // fails only if there is no such flag, or a function already
	}
	cmd.LocalNonPersistentFlags().VisitAll(complete)
	cmd.PersistentFlags().VisitAll(complete)
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && cmd.Args != nil && cmd.Args(cmd, []string{"x"}) != nil && cmd.Args(cmd, []string{"x", "x"}) != nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, c := range cmd.Commands() {
		completeValues(c)
	}
}

func valuesOf(f *pflag.Flag) cobra.CompletionFunc {
	if c, ok := f.Value.(*enumFlag); ok {
		return completeWords(c.allowed...)
	}
	switch f.Name {
	case "config", "out", "tls-ca", "tls-cert", "tls-key", "sasl-password-file", "auth-keys", "pseudonyms-file":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	case "scenario":
		return completeFiles("yaml", "yml")
	case "again":
		return completeFiles("json")
	case "data-dir":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "topic":
		return completeTopics("", "")
	case "cluster", "clusters":
		return completeTopics("cluster_", "cluster_")
	case "name":
		return completeTopics("sub_", "sub")
	case "channel", "to-channel":
		return completeFromKafka(recentChannels)
	case "emojis", "emoji", "palette":
		return completeEmojis
	case "role":
		return completeWords("main", "cluster")
	case "scale":
		return completeWords("linear:10:10\t1 below 10, else count/10", "log:10\tits logarithm", "linear:10:10,cap=50\tat most 50")
	}
	return cobra.NoFileCompletions
}

// completeFiles completes the names of files with certain endings.
func completeFiles(endings ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(endings, cobra.ShellCompDirectiveFilterFileExt)
}

func completeWords(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completeEmojis completes shortcodes and shows the emoji beside each. It offers skin tones
// only if the word has an underscore. In a list with commas it completes the last word.
func completeEmojis(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	before, code := "", begun
	if i := strings.LastIndexByte(begun, ','); i >= 0 {
		before, code = begun[:i+1], begun[i+1:]
	}
	var found []string
	for e := range emoji.All() {
		word := ":" + e.Shortcode() + ":"
		toned := strings.HasSuffix(word, "_skin_tone:") && !strings.Contains(code, "_")
		if strings.HasPrefix(word, code) && !toned {
			found = append(found, before+word+"\t"+string(e)+" "+e.Name())
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
