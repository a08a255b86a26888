// Shows the OpenAPI document that the page names. Nothing is stored: a key that is typed in is
// forgotten with the page.

const viewer = /** @type {HTMLElement} */ (document.getElementById("viewer"));
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

paint();
dark.addEventListener("change", paint);

/** The document, for calls to where this page came from, whatever path stands in front. */
async function load() {
  const answer = await fetch(new URL(viewer.dataset.document ?? "", document.baseURI));
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  const spec = await answer.json();
  spec.servers = [{ url: new URL(".", document.baseURI).href.replace(/\/$/, "") }];
  for (const path of Object.values(spec.paths)) {
    delete path.head;
    // The viewer takes `_` in a link to a call for an old spelling of a space, and warns
    for (const call of Object.values(path)) call.operationId = call.operationId.replaceAll("_", "-");
  }
  return spec;
}

try {
  globalThis.SwaggerUIBundle({
    spec: await load(),
    domNode: viewer,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    docExpansion: "list",
    filter: true,
    persistAuthorization: false,
    validatorUrl: null,
  });
} catch (error) {
  viewer.textContent = `The API description cannot be loaded: ${error.message}. Reload the page.`;
}
