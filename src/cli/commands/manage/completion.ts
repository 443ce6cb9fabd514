import { didYouMean } from "../../../protocol/nearest.ts";
import { completionScript, shells } from "../../command/completion.ts";
import { command } from "../../command/define.ts";
import { usage } from "../../command/usage.ts";

export const completion = command({
  name: "completion",
  summary: "print the script that completes agentctl in a shell",
  notes: "It completes commands, options, their values, and, while a daemon runs, tasks and queues.",
  args: [["<shell>", `${shells.join(", ")}`]],
  options: {},
  examples: [
    ["completion bash > ~/.local/share/bash-completion/completions/agentctl", "for bash"],
    ["completion zsh > ~/.zfunc/_agentctl", "for zsh, with ~/.zfunc in $fpath"],
    ["completion fish > ~/.config/fish/completions/agentctl.fish", "for fish"],
  ],
  isHomeless: true,
  async run({ out, table }, [name = ""]) {
    const shell = shells.find((each) => each === name);
    if (!shell) {
      throw usage(`${JSON.stringify(name)} is none of ${shells.join(", ")}${didYouMean(name, shells)}`);
    }
    out.line((await completionScript(shell, table)).trimEnd());
    return 0;
  },
});
