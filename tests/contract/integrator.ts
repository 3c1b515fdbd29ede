// What an integrator would write, with types made of docs/openapi.yml. Prints what it found, as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const [baseUrl, token] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Token ${token}` } });

type Cancellation = components["schemas"]["Cancellation"];

async function everyRequest(): Promise<Cancellation[]> {
  const found: Cancellation[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await client.GET("/api/v1/cancellations/", { params: { query: { page_size: 2, cursor } } });
    if (error) throw new Error(error.type);
    found.push(...data.results);
    cursor = (data.next && new URL(data.next).searchParams.get("cursor")) || undefined;
  } while (cursor);
  return found;
}

const requests = await everyRequest();
const first = requests[0];
if (!first) throw new Error("no request");
const id = first.id as number;
const { data: detail } = await client.GET("/api/v1/cancellations/{id}/", { params: { path: { id } } });
const approve = detail?.offers.find((offer) => offer.verdict === "approve");
const decided = await client.POST("/api/v1/decisions/", { body: { verdict: "approve", cancellation: id } });
const again = await client.POST("/api/v1/decisions/", { body: { verdict: "approve", cancellation: id } });
console.log(
  JSON.stringify({
    ids: requests.map((request) => request.id),
    allowed: approve?.allowed,
    refund: approve?.refund?.amount,
    state: decided.data?.state,
    problem: again.error?.type,
    there: again.error?.decision,
    status: again.response.status,
  }),
);
