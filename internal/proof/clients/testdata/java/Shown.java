/** What the clients here have in common: they print each event as a line of JSON. */
final class Shown {
  private Shown() {}

  /** Prints one event. */
  static synchronized void event(String id, String event, String data) {
    System.out.println("{\"id\":" + quoted(id) + ",\"event\":" + quoted(event) + ",\"data\":" + quoted(data) + "}");
  }

  private static String quoted(String text) {
    if (text == null) {
      return "\"\"";
    }
    StringBuilder json = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c < ' ' || c > '~' || c == '"' || c == '\\') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    return json.append('"').toString();
  }
}
