#!/usr/bin/env bash
# Runs emostream bench with FLAGS, one a line, and writes its reports to the folder REPORTS. It ends as bench does. No line is
# read by a shell: nothing in it is expanded, split or run.
set -euo pipefail

if [[ -z $REPORTS || $REPORTS == *$'\n'* ]]; then
	echo '::error title=Load test::reports: want the name of a folder' >&2
	exit 1
fi
args=()
while IFS= read -r line || [[ -n $line ]]; do
	line=${line%$'\r'}
	line=${line#"${line%%[![:blank:]]*}"}
	line=${line%"${line##*[![:blank:]]}"}
	case $line in
	'' | '#'*) continue ;;
	--*) ;;
	*)
		echo '::error title=Load test::flags: each line begins with -- and holds one flag, as in --rate 500' >&2
		exit 1
		;;
	esac
	name=${line%%[[:blank:]=]*}
	value=${line#"$name"}
	value=${value#"${value%%[![:blank:]]*}"}
	value=${value#=}
	case $value in
	\'*\' | \"*\") value=${value:1:${#value}-2} ;;
	esac
	if [[ $name == "$line" ]]; then
		args+=("$name") # a switch
	else
		args+=("$name=$value")
	fi
done <<<"$FLAGS"

mkdir -p -- "$REPORTS"
code=0
emostream bench "${args[@]}" --progress=lines \
	--out="$REPORTS/run.json" --out="$REPORTS/run.html" --out="$REPORTS/run.xml" --out="$REPORTS/run.md" </dev/null || code=$?
printf 'exit-code=%d\nreports=%s\n' "$code" "$REPORTS" >>"$GITHUB_OUTPUT"
exit "$code"
