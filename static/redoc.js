// Redoc's side bar shows a logo from its maker's server, which would hear of every reader.
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "src" && String(value).startsWith("https://cdn.redoc.ly/")) return;
  setAttribute.call(this, name, value);
};
