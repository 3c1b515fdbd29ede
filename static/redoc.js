// Redoc's side bar shows a logo from its maker's server, which would hear of every reader: it is not asked for.
const isTheirs = (value) => String(value).startsWith("https://cdn.redoc.ly/");

const { setAttribute } = Element.prototype;
Element.prototype.setAttribute = function (name, value) {
  if (!(name === "src" && isTheirs(value))) setAttribute.call(this, name, value);
};

const src = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
Object.defineProperty(HTMLImageElement.prototype, "src", {
  ...src,
  set(value) {
    if (!isTheirs(value)) src.set.call(this, value);
  },
});
