# What R's survival package needs for the same questions: Rscript survival.R TASK FILE
suppressMessages(library(survival))
given <- commandArgs(trailingOnly = TRUE)
name <- sub("_r$", "", given[1])
changing <- startsWith(name, "coxchanging")
file <- sub("\\.parquet$", if (changing) "-rows.csv" else ".csv", given[2])
data <- read.csv(file, stringsAsFactors = TRUE)
if (name == "competing") data$cause <- factor(data$cause)
if (name == "builder") {
  met <- read.csv(sub("\\.parquet$", "-touches.csv", given[2]))
  met <- lapply(0:4, function(k) met[met$touchpoint == k, c("customer", "time")])
  base <- data[, c("customer", "exact", "status")]
}

work <- list(
  km = function() 1e6 * summary(
    survfit(Surv(time, status) ~ 1, data = data, conf.type = "log-log"), times = 365)$surv,
  logrank = function() survdiff(Surv(time, status) ~ plan, data = data)$chisq,
  coxtied = function() 1e6 * coef(
    coxph(Surv(time, status) ~ plan + channel + region, data = data))[[1]],
  coxuntied = function() 1e6 * coef(
    coxph(Surv(exact, status) ~ age + spend + plan + channel + region, data = data))[[1]],
  coxchanginggrouped = function() 1e6 * coef(coxph(
    Surv(start, stop, status) ~ plan + channel + region + called,
    data = data, cluster = customer))[[1]],
  coxchangingnumbers = function() 1e6 * coef(coxph(
    Surv(start, stop, status) ~ plan + channel + region + age + spend + called + orders,
    data = data, cluster = customer))[[1]],
  competing = function() {
    fitted <- survfit(Surv(time, cause) ~ 1, data = data)
    1e6 * fitted$pstate[nrow(fitted$pstate), 2]
  },
  builder = function() {
    rows <- tmerge(base, base, id = customer, left = event(exact, status))
    for (k in 1:5) {
      one <- met[[k]]
      rows <- tmerge(rows, one, id = customer, count = cumtdc(time))
      names(rows)[names(rows) == "count"] <- paste0("count", k)
    }
    counts <- as.matrix(rows[paste0("count", 1:5)])
    counts[is.na(counts)] <- 0
    sum((rows$tstop - rows$tstart) * rowSums(counts))
  }
)[[name]]

before <- proc.time()
check <- work()
cost <- proc.time() - before
peak <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
cat(sprintf(
  '{"cpu": %.4f, "wall": %.4f, "peak_mb": %.1f, "check": %.6f}\n',
  cost[["user.self"]] + cost[["sys.self"]], cost[["elapsed"]],
  as.numeric(gsub("[^0-9]", "", peak)) / 1024, check
))
